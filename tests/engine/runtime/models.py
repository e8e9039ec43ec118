"""Small BPMN models written as text, so that a test shows its process in a few lines.

    start s
    user A role=advisor
    xor g
    s -> A -> g
    g -> B : 金额 > 100
    g -> C : else
    sub S {
      …
    }
    boundary t on=A after=PT1H nonint
    boundary c on=A compensate
    c ~> U

A line `| <xml/>` puts raw XML inside the element declared before it.
"""

from __future__ import annotations

import shlex
from itertools import pairwise
from xml.sax.saxutils import escape, quoteattr

from bihuan.engine.definition import Process, parse_bpmn

KINDS = {
    "start": "startEvent",
    "end": "endEvent",
    "catch": "intermediateCatchEvent",
    "throw": "intermediateThrowEvent",
    "boundary": "boundaryEvent",
    "task": "task",
    "user": "userTask",
    "manual": "manualTask",
    "service": "serviceTask",
    "send": "sendTask",
    "receive": "receiveTask",
    "rule": "businessRuleTask",
    "script": "scriptTask",
    "xor": "exclusiveGateway",
    "and": "parallelGateway",
    "or": "inclusiveGateway",
    "event": "eventBasedGateway",
    "complex": "complexGateway",
    "sub": "subProcess",
    "transaction": "transaction",
    "adhoc": "adHocSubProcess",
    "call": "callActivity",
}
BIHUAN = ("role", "assignee", "form", "service", "title", "correlation", "decision", "result", "codeVariable")
SIGNOFF = ("signoff", "weight", "threshold", "vote", "early")
HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:bihuan="urn:bihuan:bpmn:1"\n'
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:zeebe="http://camunda.org/schema/zeebe/1.0"\n'
    ' xmlns:camunda="http://camunda.org/schema/1.0/bpmn" xmlns:flowable="http://flowable.org/bpmn"\n'
    ' id="definitions" targetNamespace="urn:test">\n'
)


class _Writer:
    def __init__(self) -> None:
        self.declared: dict[str, str] = {}
        self.flows = 0

    def level(self, lines: list[str]) -> str:
        defaults: dict[str, str] = {}
        parts: list[tuple[str, dict[str, str], str]] = []
        flows: list[str] = []
        while lines:
            line = lines.pop(0).strip()
            if line == "}":
                break
            if not line or line.startswith("#"):
                continue
            if line.startswith("|"):
                kind, options, inside = parts[-1]
                parts[-1] = (kind, options, inside + line[1:].strip())
            elif "~>" in line:
                source, _, target = line.partition("~>")
                flows.append(f'<association sourceRef="{source.strip()}" targetRef="{target.strip()}"/>')
            elif "->" in line:
                flows.extend(self._flows(line, defaults))
            else:
                inside = ""
                if line.endswith("{"):
                    line, inside = line[:-1], self.level(lines)
                words = shlex.split(line)
                options = {"id": words[1]}
                for word in words[2:]:
                    key, _, value = word.partition("=")
                    options[key] = value
                parts.append((words[0], options, inside))
        nodes = [self._node(kind, options, inside, defaults.get(options["id"])) for kind, options, inside in parts]
        return "\n".join(nodes + flows)

    def _flows(self, line: str, defaults: dict[str, str]) -> list[str]:
        way, _, condition = line.partition(" : ")
        stops = [stop.strip() for stop in way.split("->")]
        found = []
        for source, target in pairwise(stops):
            self.flows += 1
            name = f"{source}_{target}"
            name = name if name not in self.declared else f"{name}_{self.flows}"
            self.declared[name] = ""
            inside = ""
            if condition.strip() == "else":
                defaults[source] = name
            elif condition and target == stops[-1]:
                inside = f"<conditionExpression>{escape(condition.strip())}</conditionExpression>"
            found.append(f'<sequenceFlow id="{name}" sourceRef="{source}" targetRef="{target}">{inside}</sequenceFlow>')
        return found

    def _node(self, kind: str, options: dict[str, str], inside: str, default: str | None) -> str:
        attributes = {"id": options["id"], "name": options.get("name", options["id"])}
        for key in (*BIHUAN, *SIGNOFF):
            if key in options:
                attributes[f"bihuan:{key}"] = options[key]
        if default:
            attributes["default"] = default
        if kind == "boundary":
            attributes["attachedToRef"] = options["on"]
            attributes["cancelActivity"] = "false" if "nonint" in options else "true"
        if kind == "start" and "nonint" in options:
            attributes["isInterrupting"] = "false"
        if "byevent" in options:
            attributes["triggeredByEvent"] = "true"
        if kind == "call":
            attributes["calledElement"] = options.get("called", "")
        inside += self._rarer(kind, options, attributes)
        task = kind in ("send", "receive")
        if task and "message" in options:
            attributes["messageRef"] = self._declare("message", options["message"])
        inside += "" if task else self._event(options)
        inside += self._loop(options)
        if kind == "script":
            attributes["scriptFormat"] = options.get("format", "feel")
            inside += f"<script>{escape(options.get('code', ''))}</script>"
        text = " ".join(f"{key}={quoteattr(value)}" for key, value in attributes.items())
        return f"<{KINDS[kind]} {text}>{inside}</{KINDS[kind]}>"

    def _rarer(self, kind: str, options: dict[str, str], attributes: dict[str, str]) -> str:
        """Attributes and conditions of the less common elements."""
        for key, name in (("takes", "startQuantity"), ("gives", "completionQuantity")):
            if key in options:
                attributes[name] = options[key]
        if "undoes" in options:
            attributes["isForCompensation"] = "true"
        if "instantiate" in options:
            attributes["instantiate"] = "true"
        if "parallel" in options:
            attributes["eventGatewayType" if kind == "event" else "parallelMultiple"] = (
                "Parallel" if kind == "event" else "true"
            )
        if kind == "adhoc":
            attributes["ordering"] = "Sequential" if "sequential" in options else "Parallel"
            attributes["cancelRemainingInstances"] = "false" if "keep" in options else "true"
            if "byhand" in options:
                attributes["bihuan:begin"] = "by-hand"
            if "chosen" in options:
                attributes["bihuan:begin"] = "=" + options["chosen"]
        for key, tag in (("activation", "activationCondition"), ("completion", "completionCondition")):
            if key in options:
                return f"<{tag}>{escape(options[key])}</{tag}>"
        return ""

    def _declare(self, kind: str, name: str) -> str:
        identity = f"{kind}_{name}"
        code = {"error": "errorCode", "escalation": "escalationCode"}.get(kind, "name")
        self.declared[identity] = f"<{kind} id={quoteattr(identity)} {code}={quoteattr(name)}/>"
        return identity

    def _event(self, options: dict[str, str]) -> str:
        found = ""
        for kind in ("message", "signal", "error", "escalation"):
            for name in options.get(kind, "").split(",") if kind in options else ():
                reference = f" {kind}Ref={quoteattr(self._declare(kind, name))}" if name else ""
                found += f"<{kind}EventDefinition{reference}/>"
        for key, tag in (("at", "timeDate"), ("after", "timeDuration"), ("every", "timeCycle")):
            if key in options:
                found += f"<timerEventDefinition><{tag}>{escape(options[key])}</{tag}></timerEventDefinition>"
        if "when" in options:
            condition = escape(options["when"])
            found += f"<conditionalEventDefinition><condition>{condition}</condition></conditionalEventDefinition>"
        if "link" in options:
            found += f"<linkEventDefinition name={quoteattr(options['link'])}/>"
        if "compensate" in options:
            activity = f" activityRef={quoteattr(options['compensate'])}" if options["compensate"] else ""
            waits = ' waitForCompletion="false"' if "nowait" in options else ""
            found += f"<compensateEventDefinition{activity}{waits}/>"
        for kind in ("terminate", "cancel"):
            found += f"<{kind}EventDefinition/>" if kind in options else ""
        return found

    def _loop(self, options: dict[str, str]) -> str:
        if "while" in options or "max" in options:
            maximum = f' loopMaximum="{options["max"]}"' if "max" in options else ""
            before = ' testBefore="true"' if "before" in options else ""
            condition = f"<loopCondition>{escape(options['while'])}</loopCondition>" if "while" in options else ""
            return f"<standardLoopCharacteristics{maximum}{before}>{condition}</standardLoopCharacteristics>"
        if "times" not in options and "each" not in options:
            return ""
        attributes = {"isSequential": "true" if "sequential" in options else "false"}
        for key, name in (("each", "collection"), ("item", "item"), ("out", "output"), ("value", "result")):
            if key in options:
                attributes[f"bihuan:{name}"] = options[key]
        text = " ".join(f"{key}={quoteattr(value)}" for key, value in attributes.items())
        inside = f"<loopCardinality>{escape(options['times'])}</loopCardinality>" if "times" in options else ""
        if "until" in options:
            inside += f"<completionCondition>{escape(options['until'])}</completionCondition>"
        return f"<multiInstanceLoopCharacteristics {text}>{inside}</multiInstanceLoopCharacteristics>"


def xml_of(text: str) -> str:
    """The BPMN file of a model text."""
    writer = _Writer()
    body = writer.level(text.splitlines())
    declarations = "\n".join(part for part in writer.declared.values() if part)
    return f'{HEAD}{declarations}<process id="process" isExecutable="true">\n{body}\n</process>\n</definitions>\n'


def build(text: str) -> Process:
    """The process of a model text."""
    return parse_bpmn(xml_of(text), source="test.bpmn").main
