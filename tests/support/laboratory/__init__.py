"""A laboratory of faults: real processes, clients that note what they see, faults out of a seed, and judges.

    history       what clients saw, a call a record
    linearizable  judges the calls on one document: is there an order in which all of it could have happened?
    following     judges lists and followers: nothing lost, doubled or out of order
    stage         the processes, each of which can be killed, stopped and cut off by itself
    faults        what is done to them, out of a seed
    clients       who asks meanwhile
    rounds        a fault under load, and the verdict; figures over many of them

Knows HTTP, processes and signals, and nothing of how the server is built.
"""
