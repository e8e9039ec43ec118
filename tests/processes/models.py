"""Small processes for the tests of the store."""

from __future__ import annotations

from xml.sax.saxutils import quoteattr

_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    'xmlns:bihuan="urn:bihuan:bpmn:1" id="defs" targetNamespace="urn:bihuan:test">'
)


def bpmn(key: str, *elements: str, flows: str = "", extra: str = "") -> str:
    """A file with one process. `flows` is "a>b b>c[condition] b>d*" (`*` marks the default flow of its source)."""
    body = "".join(elements) + "".join(flow(text) for text in flows.split(" ") if text)
    for text in flows.split(" "):
        if text.endswith("*"):
            source, target = text[:-1].split(">")
            body = body.replace(f'id="{source}"', f'id="{source}" default="{source}_{target}"', 1)
    return f'{_HEAD}{extra}<process id="{key}" name="{key}" isExecutable="true">{body}</process></definitions>'


def flow(text: str) -> str:
    text = text.removesuffix("*")
    path, _, condition = text.partition("[")
    source, target = path.split(">")
    inner = f"<conditionExpression>={condition.rstrip(']')}</conditionExpression>" if condition else ""
    return f'<sequenceFlow id="{source}_{target}" sourceRef="{source}" targetRef="{target}">{inner}</sequenceFlow>'


START, END = '<startEvent id="start"/>', '<endEvent id="end"/>'


def task(node: str, **extension: str) -> str:
    """A user task; keywords are attributes of our extension."""
    attributes = " ".join(f"bihuan:{name}={quoteattr(value)}" for name, value in extension.items())
    return f'<userTask id="{node}" name="{node}" {attributes}/>'


def service(node: str, handler: str) -> str:
    return f'<serviceTask id="{node}" name="{node}" bihuan:service="{handler}"/>'


# 填写 → 超过 100 元要经理批 → 办结
APPROVAL = bpmn(
    "approval",
    START,
    task("fill", role="advisor", form="fill", limit="fill", title='="单据 " + number', button="提交", script="greet"),
    '<exclusiveGateway id="big"/>',
    task("approve", role="site_manager"),
    task("close", role="advisor", assignee="owner"),
    END,
    flows="start>fill fill>big big>approve[amount&gt;100] big>close* approve>close close>end",
)

# 两件工作同时进行
PARALLEL = bpmn(
    "parallel",
    START,
    '<parallelGateway id="split"/>',
    task("wash", role="technician"),
    task("bill", role="cashier"),
    '<parallelGateway id="join"/>',
    END,
    flows="start>split split>wash split>bill wash>join bill>join join>end",
)

# 一圈一圈地走，永不结束：每一步的代价应与年龄无关
ROUND = bpmn(
    "round",
    START,
    '<exclusiveGateway id="again"/>',
    task("work", role="technician"),
    '<exclusiveGateway id="enough"/>',
    END,
    flows="start>again again>work work>enough enough>again* enough>end[stop=true]",
)

BOOKING = bpmn(
    "booking",
    START,
    service("book", "book"),
    task("confirm", role="advisor"),
    END,
    flows="start>book book>confirm confirm>end",
)

REMINDER = bpmn(
    "reminder",
    START,
    task("wait", role="advisor"),
    '<boundaryEvent id="late" attachedToRef="wait" cancelActivity="false"><timerEventDefinition>'
    '<timeDuration xsi:type="tFormalExpression">PT1H</timeDuration></timerEventDefinition></boundaryEvent>',
    task("chase", role="site_manager"),
    END,
    '<endEvent id="chased"/>',
    flows="start>wait wait>end late>chase chase>chased",
)

DEADLINE = bpmn(
    "deadline",
    START,
    task("answer", role="advisor"),
    '<boundaryEvent id="over" attachedToRef="answer"><timerEventDefinition>'
    '<timeDuration xsi:type="tFormalExpression">PT10M</timeDuration></timerEventDefinition></boundaryEvent>',
    END,
    '<endEvent id="dropped"/>',
    flows="start>answer answer>end over>dropped",
)

ARRIVAL = bpmn(
    "arrival",
    START,
    '<intermediateCatchEvent id="wait"><messageEventDefinition messageRef="m"/></intermediateCatchEvent>',
    task("greet", role="advisor"),
    END,
    flows="start>wait wait>greet greet>end",
    extra='<message id="m" name="arrived" bihuan:correlation="=case_id"/>',
)

# 先有一步工作，然后才等消息
LATE = bpmn(
    "late",
    START,
    task("prepare", role="advisor"),
    '<intermediateCatchEvent id="wait"><messageEventDefinition messageRef="m"/></intermediateCatchEvent>',
    task("greet", role="advisor"),
    END,
    flows="start>prepare prepare>wait wait>greet greet>end",
    extra='<message id="m" name="arrived" bihuan:correlation="=case_id"/>',
)
SENDER = bpmn(
    "sender",
    START,
    task("drive", role="advisor"),
    '<intermediateThrowEvent id="tell"><messageEventDefinition messageRef="m"/></intermediateThrowEvent>',
    END,
    flows="start>drive drive>tell tell>end",
    extra='<message id="m" name="arrived" bihuan:correlation="=case_id"/>',
)

ALARM = bpmn(
    "alarm",
    START,
    '<intermediateCatchEvent id="wait"><signalEventDefinition signalRef="s"/></intermediateCatchEvent>',
    END,
    flows="start>wait wait>end",
    extra='<signal id="s" name="fire"/>',
)

CALLER = bpmn(
    "caller",
    START,
    '<callActivity id="call" name="call" calledElement="approval"/>',
    task("after", role="advisor"),
    END,
    flows="start>call call>after after>end",
)

SIGN_OFF = bpmn(
    "sign_off",
    START,
    '<userTask id="sign" name="sign" bihuan:assignee="person"><multiInstanceLoopCharacteristics>'
    '<extensionElements><zeebe:loopCharacteristics xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" '
    'inputCollection="=people" inputElement="person"/></extensionElements>'
    "</multiInstanceLoopCharacteristics></userTask>",
    END,
    flows="start>sign sign>end",
)

# 买方发订单，同一文件里的卖方泳池由它开始，包好后通知买方
POOLS = (
    f'{_HEAD}<message id="m1" name="ordered"/><message id="m2" name="packed" bihuan:correlation="number"/>'
    '<process id="buyer" isExecutable="true"><startEvent id="start"/>'
    '<sendTask id="order" messageRef="m1"><extensionElements><bihuan:input source="number" target="number"/>'
    '</extensionElements></sendTask><receiveTask id="goods" messageRef="m2"/>'
    f"{flow('start>order')}{flow('order>goods')}</process>"
    '<process id="seller" isExecutable="true">'
    '<startEvent id="got"><messageEventDefinition messageRef="m1"/></startEvent>'
    f"{task('pack', role='technician')}"
    '<sendTask id="ship" messageRef="m2"><extensionElements><bihuan:input source="number" target="number"/>'
    f"</extensionElements></sendTask>{flow('got>pack')}{flow('pack>ship')}</process></definitions>"
)

# 两台车各看一遍、各问一次上级，一小时不完就算了；来电话随时记一笔
BRANCHING = bpmn(
    "branching",
    START,
    '<subProcess id="each"><multiInstanceLoopCharacteristics><loopCardinality>2</loopCardinality>'
    '</multiInstanceLoopCharacteristics><startEvent id="in"/>',
    task("look", role="technician"),
    '<callActivity id="ask" calledElement="approval"/>',
    flow("in>look"),
    flow("look>ask"),
    "</subProcess>",
    '<boundaryEvent id="enough" attachedToRef="each"><timerEventDefinition><timeDuration>PT1H</timeDuration>'
    "</timerEventDefinition></boundaryEvent>",
    '<subProcess id="told" triggeredByEvent="true"><startEvent id="rang" isInterrupting="false">'
    '<messageEventDefinition messageRef="m"/></startEvent>',
    task("note", role="advisor"),
    flow("rang>note"),
    "</subProcess>",
    END,
    flows="start>each each>end enough>end",
    extra='<message id="m" name="arrived" bihuan:correlation="=case_id"/>',
)

# 两个泳池各自开始：门店先订货，供应商备好料才去收订单，再报价，门店同意
TOGETHER = (
    f'{_HEAD}<collaboration id="c"><participant id="a" processRef="shop"/><participant id="b" processRef="supplier"/>'
    "</collaboration>"
    + "".join(f'<message id="{name}" name="{name}"/>' for name in ("ordered", "offered", "agreed"))
    + '<process id="shop" isExecutable="true"><startEvent id="start"/><sendTask id="order" messageRef="ordered"/>'
    f'<receiveTask id="offer" messageRef="offered"/>{task("agree", role="advisor")}'
    '<sendTask id="tell" messageRef="agreed"/>'
    + "".join(map(flow, ("start>order", "order>offer", "offer>agree", "agree>tell")))
    + '</process><process id="supplier" isExecutable="true"><startEvent id="open"/>'
    f'{task("stock", role="technician")}<receiveTask id="read" messageRef="ordered"/>'
    '<sendTask id="answer" messageRef="offered"/><receiveTask id="done" messageRef="agreed"/>'
    + "".join(map(flow, ("open>stock", "stock>read", "read>answer", "answer>done")))
    + "</process></definitions>"
)

# 由消息或信号开始
BEGUN = bpmn(
    "begun",
    '<startEvent id="called"><messageEventDefinition messageRef="m"/></startEvent>',
    '<startEvent id="alarmed"><signalEventDefinition signalRef="s"/></startEvent>',
    task("look", role="advisor"),
    END,
    flows="called>look alarmed>look look>end",
    extra='<message id="m" name="rang"/><signal id="s" name="fire"/>',
)

# 门店办完发信号，同一文件里的仓库泳池由信号开始
ALARMING = (
    f'{_HEAD}<signal id="s" name="fire"/><process id="shop" isExecutable="true"><startEvent id="start"/>'
    f'{task("look", role="advisor")}<intermediateThrowEvent id="alarm"><signalEventDefinition signalRef="s"/>'
    f"</intermediateThrowEvent>{flow('start>look')}{flow('look>alarm')}</process>"
    '<process id="store" isExecutable="true">'
    '<startEvent id="alarmed"><signalEventDefinition signalRef="s"/></startEvent>'
    f"{task('clear', role='technician')}{flow('alarmed>clear')}</process></definitions>"
)

# 等变量满足条件；随时可开始的活动
WATCHING = bpmn(
    "watching",
    START,
    task("work", role="advisor"),
    '<boundaryEvent id="hot" attachedToRef="work"><conditionalEventDefinition><condition>temperature > 30</condition>'
    "</conditionalEventDefinition></boundaryEvent>".replace(" > ", " &gt; "),
    f'<adHocSubProcess id="any" bihuan:begin="by-hand"><completionCondition>enough</completionCondition>'
    f"{task('cool', role='advisor')}{task('rest', role='advisor')}</adHocSubProcess>",
    END,
    flows="start>work work>end hot>any any>end",
)

# 已完成的预订在取消时撤销
UNDOING = bpmn(
    "undoing",
    START,
    task("book", role="advisor"),
    '<boundaryEvent id="undo" attachedToRef="book"><compensateEventDefinition/></boundaryEvent>',
    '<userTask id="unbook" isForCompensation="true" bihuan:role="advisor"/>',
    '<association id="a" sourceRef="undo" targetRef="unbook"/>',
    '<intermediateThrowEvent id="back"><compensateEventDefinition/></intermediateThrowEvent>',
    END,
    flows="start>book book>back back>end",
)


def daily(sites: str = "YL", timer: str = "<timeCycle>R/2026-11-02T08:00/P1D</timeCycle>") -> str:
    """Before opening, somebody looks round the centre."""
    start = f'<startEvent id="morning"><timerEventDefinition>{timer}</timerEventDefinition></startEvent>'
    xml = bpmn("daily", start, task("look_round", role="advisor"), END, flows="morning>look_round look_round>end")
    return xml.replace('<process id="daily"', f'<process id="daily" bihuan:sites="{sites}"')


# 门店忙起来就自动开始
CROWDED = bpmn(
    "crowded",
    '<startEvent id="crowd"><conditionalEventDefinition><condition>site.open_cases > 2</condition>'
    "</conditionalEventDefinition></startEvent>".replace(" > ", " &gt; "),
    task("help", role="advisor"),
    END,
    flows="crowd>help help>end",
)
