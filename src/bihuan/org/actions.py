"""The catalogue of permitted actions: what a grant may name, with the label administrators see."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

ACTIONS: Mapping[str, str] = MappingProxyType(
    {
        "case.view": "查看业务单",
        "case.start": "发起业务单",
        "case.manage": "更改业务单（改派、取消）",
        "case.export": "导出业务单",
        "customer.view": "查看客户和车辆",
        "customer.manage": "登记和修改客户、车辆",
        "customer.export": "导出客户和车辆",
        "phone.reveal": "查看完整电话号码",
        "appointment.view": "查看预约看板",
        "appointment.manage": "登记和变更预约",
        "call.handle": "接听和登记来电",
        "estimate.manage": "填写估价估时",
        "stock.view": "查看配件库存",
        "stock.manage": "入库、盘点和价格",
        "stock.issue": "发料和退料",
        "payment.take": "收款",
        "payment.refund": "退款",
        "settlement.correct": "更正结算单",
        "document.print": "打印单据",
        "gatepass.issue": "开具出门证",
        "key.release": "凭出门证交钥匙",
        "complaint.handle": "处理投诉",
        "suggestion.judge": "评定建议",
        "knowledge.manage": "维护诊断知识",
        "master.view": "查看作业项目和价格",
        "master.manage": "维护作业项目、价格和预约容量",
        "import.run": "导入工作簿",
        "process.view": "查看流程图",
        "process.manage": "发布和修改流程",
        "process.operate": "处理流程异常",
        "process.migrate": "迁移、暂停进行中的流程",
        "report.view": "查看报表",
        "audit.view": "查看审计记录",
        "admin.people": "管理人员和岗位",
        "roster.manage": "安排值班、请假和代理",
        "admin.sites": "管理门店和部门",
        "display.manage": "管理看板大屏",
        "admin.notices": "管理通知渠道",
        "admin.permissions": "管理角色权限",
        "calendar.manage": "维护工作日历和节假日",
    }
)


def label_of(action: str) -> str:
    """The Chinese label, or the action itself when it is not in the catalogue."""
    return ACTIONS.get(action, action)
