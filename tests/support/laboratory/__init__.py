"""A laboratory of faults: real processes, clients that note what they see, faults out of a seed, and judges.

    history       what clients saw, a call a record
    linearizable  judges the calls on one document: is there an order in which all of it could have happened?
    following     judges the journal, lists and followers: nothing lost, doubled or out of order
    stage         the processes, each of which can be killed, stopped and cut off by itself
    wires         the ways from them to the stores, each of which can be cut, slowed down and kept silent
    faults        what is done to them, out of a seed
    clients       who asks meanwhile
    witnesses     who follows meanwhile: the journal, the stream, announcements, MQTT
    rounds        clients and faults, then quiet, and the verdict of every judge
    figures       what rounds came to, as a table and as JSON
    weakened      processes that lack a guard, which the judges have to find

Clients know HTTP, faults know processes and signals, and witnesses no more of how the server is built than followers of
another make would; the judges know nothing of it. The journal is believed where it tells of a write that nobody
answered: whether it was stored is a question to it, whether it was then seen rightly is one to the judges.

`make fire` plays many rounds (`__main__`), `tests/journeys/test_under_fire.py` a few short ones.
"""
