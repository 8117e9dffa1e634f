"""The constraints of the standard, each a function that is named by its rule.

A rule takes the thing that it is about and gives the breaches that it finds there, none being an empty tuple: for each,
where (a JSON path from that thing on) and a sentence. It knows nothing of where the thing stands;
`titan.metamodel.constraints` walks the document, asks the rules and says where.

What a type can say is no rule here: AASd-002 is a pattern of `values.IdShort`, AASd-130 is asked of the whole body.
"""
