"""Processes for people who do whatever they may (`test_people_machine.py`)."""

from __future__ import annotations

from tests.engine.runtime.test_going_back import FORK, INSIDE, LOOP

MIXED = """
    start s
    user A
    and f
    user V each=people item=who assignee=who signoff=ratio threshold=60%
    xor g
    user Fix
    xor m
    sub S {
      start t
      user P
      boundary late on=P after=PT1H
      user Q
      user W each=people item=who assignee=who signoff=all sequential
      end u
      t -> P -> W -> u
      late -> Q -> u
    }
    boundary slow on=S after=PT2H nonint
    user Chase
    end z
    or o
    user X
    user Y
    or n
    and j
    user D
    end e
    s -> A -> f
    f -> V -> g
    g -> m : approved
    g -> Fix : else
    Fix -> m -> j
    f -> S -> j
    slow -> Chase -> z
    f -> o
    o -> X : true
    o -> Y : both
    X -> n
    Y -> n
    n -> j
    j -> D -> e
"""
NESTED = """
    start s
    user A
    sub Each each=people item=who {
      start t
      user P
      and f
      user Q
      user R
      and j
      end u
      t -> P -> f
      f -> Q -> j
      f -> R -> j
      j -> u
    }
    user V each=people item=who
    user W each=people item=who sequential
    and k
    and l
    user D
    end e
    s -> A -> k
    k -> Each -> l
    k -> V -> W -> l
    l -> D -> e
"""
PASSES = """
    start s
    user A
    and f
    adhoc H {
      user P
      user Q
      sub L while=again max=4 {
        start t
        user R
        user T
        t -> R -> T
      }
    }
    adhoc K sequential {
      user U
      user V
    }
    sub M each=people item=who sequential {
      start o
      user W
      user X
      o -> W -> X
    }
    and j
    user D
    sub E byevent {
      start m message=call nonint
      user Y
      user Z
      m -> Y -> Z
    }
    s -> A -> f
    f -> H -> K -> j
    f -> M -> j
    j -> D
"""
UNDOING = """
    start s
    user A
    transaction T {
      start t
      user P
      boundary c on=P compensate
      user Undo undoes
      c ~> Undo
      user Q
      xor g
      end ok
      end no cancel
      t -> P -> Q -> g
      g -> ok : approved
      g -> no : else
    }
    boundary away on=T cancel
    user Sorry
    xor m
    and f
    throw back compensate=T
    user B
    and j
    user D
    s -> A -> T -> m -> f
    away -> Sorry -> m
    f -> back -> j
    f -> B -> j
    j -> D
"""
ENOUGH_OF_THREE = """
    start s
    user A
    and f
    user B
    user C
    user E1
    user E2
    complex g activation="activationCount >= 2"
    user D
    user Z
    s -> A -> f
    f -> B -> g
    f -> C -> g
    f -> E1 -> E2 -> g
    g -> D -> Z
"""
CALLING = """
    start s
    user A
    and f
    call C called=other
    user B
    sub S {
      start t
      user P
      call K called=other
      user Q
      t -> P -> K -> Q
    }
    boundary late on=S after=PT1H nonint
    user Chase
    end z
    and j
    user D
    s -> A -> f
    f -> C -> B -> j
    f -> S -> j
    late -> Chase -> z
    j -> D
"""
CALLING_MANY = """
    start s
    user A
    and f
    call C called=other each=people item=who out=found value=who
    user B
    call R called=other each=people item=who sequential
    call L called=other while=again max=3
    sub S each=people item=who {
      start t
      call K called=other
      user Q
      t -> K -> Q
    }
    and j
    user D
    s -> A -> f
    f -> C -> B -> j
    f -> R -> L -> j
    f -> S -> j
    j -> D
"""
MODELS = [FORK, LOOP, INSIDE, MIXED, NESTED, PASSES, UNDOING, ENOUGH_OF_THREE, CALLING, CALLING_MANY]
