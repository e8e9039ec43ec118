"""Reads by what a message finds its instance: correlation keys, properties and subscriptions (BPMN 2.0, 8.3.2).

A key is made of properties. How a property is found in a message says its retrieval expression (`messagePath`), how in
the data of a process the binding of a subscription (`dataPath`). What is sent carries the key of its message, what is
awaited asks for the key of its process; keys that no process subscribes to are not asked for.
"""

from __future__ import annotations

from lxml import etree

from bihuan.engine.definition.names import BPMN, bpmn
from bihuan.engine.definition.reading import Reading, child, children, text_of
from bihuan.engine.feel import Expression, compile_expression

_SENDS = frozenset(map(bpmn, ("sendTask", "intermediateThrowEvent", "endEvent")))
MAX_PROPERTIES = 20
"""Properties of one key."""

Paths = dict[str, Expression | None]
"""By correlation property, where to find it."""


def read_correlation(root: etree._Element, reading: Reading) -> None:
    """Fill `sent_keys` and `awaited_keys` of a reading."""
    retrievals = _retrievals(root, reading)
    keys = {
        key.get("id", ""): [_reference(each) for each in children(key, BPMN, "correlationPropertyRef")]
        for key in root.iter(bpmn("correlationKey"))
    }
    messages = {key: _messages(names[:MAX_PROPERTIES], retrievals) for key, names in keys.items()}
    seen: set[tuple[str, etree._Element | None]] = set()
    for subscription in root.iter(bpmn("correlationSubscription")):
        key = subscription.get("correlationKeyRef", "").rpartition(":")[2]
        process = subscription.getparent()
        if (key, process) in seen:
            continue
        seen.add((key, process))
        if key not in keys:
            reading.refuse(subscription, f"找不到对应键「{key}」", "missing-reference")
        elif len(keys[key]) > MAX_PROPERTIES:
            reading.refuse(subscription, f"对应键「{key}」的属性太多，最多 {MAX_PROPERTIES} 个", "too-many-properties")
        elif process is not None:
            bound = _bindings(subscription, reading)
            for name in keys[key]:
                if name not in bound or not retrievals.get(name):
                    reason = f"对应属性「{name}」没有写明从哪里取（correlationPropertyBinding、correlationProperty）"
                    reading.refuse(subscription, reason, "missing-reference")
            for message in messages[key]:
                place = (process.get("id", ""), message)
                reading.awaited_keys.setdefault(place, _joined([bound.get(name) for name in keys[key]]))
                sent = [retrievals[name][message] for name in keys[key]]
                reading.sent_keys.setdefault(message, _joined(sent))


def key_for(event: etree._Element, message: str, reading: Reading) -> Expression | None:
    """The key that an event or task sends with a message, or asks for; None for none."""
    if event.tag in _SENDS:
        return reading.sent_keys.get(message)
    process = next(event.iterancestors(bpmn("process")), None)
    return None if process is None else reading.awaited_keys.get((process.get("id", ""), message))


def _reference(element: etree._Element) -> str:
    return text_of(element).rpartition(":")[2]


def _retrievals(root: etree._Element, reading: Reading) -> dict[str, Paths]:
    """By property, by message: where in the message it is."""
    found: dict[str, Paths] = {}
    for each in root.iter(bpmn("correlationProperty")):
        paths = found.setdefault(each.get("id", ""), {})
        for retrieval in children(each, BPMN, "correlationPropertyRetrievalExpression"):
            path = child(retrieval, BPMN, "messagePath")
            message = retrieval.get("messageRef", "").rpartition(":")[2]
            if reading.lookup("message", message) is None:
                reading.refuse(each, f"找不到消息「{message}」的定义", "missing-reference")
            elif path is not None and text_of(path):
                paths[message] = reading.condition(each, path)
    return found


def _bindings(subscription: etree._Element, reading: Reading) -> Paths:
    found: Paths = {}
    for binding in children(subscription, BPMN, "correlationPropertyBinding"):
        path = child(binding, BPMN, "dataPath")
        name = binding.get("correlationPropertyRef", "").rpartition(":")[2]
        if path is not None and text_of(path):
            found[name] = reading.condition(binding, path)
    return found


def _messages(properties: list[str], retrievals: dict[str, Paths]) -> list[str]:
    """The messages in which every property of a key can be found."""
    first = retrievals.get(properties[0], {}) if properties else {}
    return [message for message in first if all(message in retrievals.get(name, {}) for name in properties)]


def _joined(parts: list[Expression | None]) -> Expression | None:
    """One key of several values; without one of them there is no key."""
    texts = [part.text for part in parts if part is not None]
    if len(texts) != len(parts) or not texts:
        return None
    if len(texts) == 1:
        return parts[0]
    known = " and ".join(f"({text}) != null" for text in texts)
    values = ", ".join(f"string({text})" for text in texts)
    return compile_expression(f'if {known} then string join([{values}], "|") else null')
