"""The fleet's machinery: from a specification to what an engine runs (SPEC §6).

``source`` reads a specification, ``records`` keeps what was said of a fleet, ``resolving`` makes targets of both;
``lock`` lets one at a time change anything. ``undertaking`` plans a change and sees it through: ``applying`` has the
engine do it wave by wave, ``reverting`` undoes it, ``journal`` writes down what becomes of it. ``watching`` does all
that by itself, now and then.
"""
