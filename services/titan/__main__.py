"""`python -m titan` is `titan`."""

from titan.main import run

if __name__ == "__main__":
    run()
