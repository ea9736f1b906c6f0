"""Which events a rule is asked about: its log source as conditions on events, and the log source that an event tells.

For Windows the conditions are those of the specification's taxonomy (appendix "Taxonomy", "Windows Folder"), and what
SigmaHQ's rules use besides. Events of other products are told by what only they have; where that says nothing, whoever
gives the events has to say where they come from, else all rules that are not Windows' are asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from zona_core.domain.detection import LogSource

__all__ = ["Gate", "gates_of", "source_of"]

#: channels, event ids and providers, folded; None: any. One of a rule's gates has to be open.
Gate: TypeAlias = tuple[frozenset[str] | None, frozenset[str] | None, frozenset[str] | None]

_SYSMON: Final = "Microsoft-Windows-Sysmon/Operational"
_POWERSHELL: Final = ("Microsoft-Windows-PowerShell/Operational", "PowerShellCore/Operational")
_CLASSIC: Final = ("Windows PowerShell",)
_FILES: Final = "Microsoft-Windows-Kernel-File"


def _gate(channels: tuple[str, ...], *ids: int) -> Gate:
    return frozenset(name.casefold() for name in channels), frozenset(map(str, ids)) or None, None


def _sysmon(*ids: int) -> tuple[Gate, ...]:
    return (_gate((_SYSMON,), *ids),)


def _provider(name: str) -> tuple[Gate, ...]:
    return ((None, None, frozenset((name.casefold(),))),)


_CATEGORIES: Final[Mapping[str, tuple[Gate, ...]]] = {
    "process_creation": (*_sysmon(1), _gate(("Security",), 4688)),
    "file_change": _sysmon(2),
    "network_connection": _sysmon(3),
    "sysmon_status": _sysmon(4, 16),
    "process_termination": _sysmon(5),
    "driver_load": _sysmon(6),
    "image_load": _sysmon(7),
    "create_remote_thread": _sysmon(8),
    "raw_access_thread": _sysmon(9),
    "process_access": _sysmon(10),
    "file_event": _sysmon(11),
    "registry_event": _sysmon(12, 13, 14),
    "registry_add": _sysmon(12),
    "registry_delete": _sysmon(12),
    "registry_set": _sysmon(13),
    "registry_rename": _sysmon(14),
    "create_stream_hash": _sysmon(15),
    "pipe_created": _sysmon(17, 18),
    "wmi_event": _sysmon(19, 20, 21),
    "dns_query": _sysmon(22),
    "file_delete": _sysmon(23, 26),
    "clipboard_capture": _sysmon(24),
    "process_tampering": _sysmon(25),
    "file_delete_detected": _sysmon(26),
    "file_block_executable": _sysmon(27),
    "file_block_shredding": _sysmon(28),
    "file_executable_detected": _sysmon(29),
    "sysmon_error": _sysmon(255),
    "file_access": _provider(_FILES),
    "file_rename": _provider(_FILES),
    "ps_classic_start": (_gate(_CLASSIC, 400),),
    "ps_classic_provider_start": (_gate(_CLASSIC, 600),),
    "ps_classic_script": (_gate(_CLASSIC, 800),),
    "ps_module": (_gate(_POWERSHELL, 4103),),
    "ps_script": (_gate(_POWERSHELL, 4104),),
}
_W: Final = "Microsoft-Windows-"
_SERVICES: Final[Mapping[str, tuple[str, ...]]] = {
    "application": ("Application",),
    "application-experience": (
        f"{_W}Application-Experience/Program-Telemetry",
        f"{_W}Application-Experience/Program-Compatibility-Assistant",
    ),
    "applocker": tuple(
        f"{_W}AppLocker/{kind}"
        for kind in ("MSI and Script", "EXE and DLL", "Packaged app-Deployment", "Packaged app-Execution")
    ),
    "appmodel-runtime": (f"{_W}AppModel-Runtime/Admin",),
    "appxdeployment-server": (f"{_W}AppXDeploymentServer/Operational",),
    "appxpackaging-om": (f"{_W}AppxPackaging/Operational",),
    "bitlocker": (f"{_W}BitLocker/BitLocker Management",),
    "bits-client": (f"{_W}Bits-Client/Operational",),
    "capi2": (f"{_W}CAPI2/Operational",),
    "certificateservicesclient-lifecycle-system": (f"{_W}CertificateServicesClient-Lifecycle-System/Operational",),
    "codeintegrity-operational": (f"{_W}CodeIntegrity/Operational",),
    "dhcp": (f"{_W}DHCP-Server/Operational",),
    "diagnosis-scripted": (f"{_W}Diagnosis-Scripted/Operational",),
    "dns-client": (f"{_W}DNS Client Events/Operational", f"{_W}DNS-Client/Operational"),
    "dns-server": ("DNS Server",),
    "dns-server-analytic": (f"{_W}DNS-Server/Analytical",),
    "dns-server-audit": (f"{_W}DNS-Server/Audit",),
    "driver-framework": (f"{_W}DriverFrameworks-UserMode/Operational",),
    "firewall-as": (
        f"{_W}Windows Firewall With Advanced Security/Firewall",
        f"{_W}Windows Firewall With Advanced Security",
    ),
    "hyper-v-worker": (f"{_W}Hyper-V-Worker",),
    "iis-configuration": (f"{_W}IIS-Configuration/Operational", "Microsoft-IIS-Configuration/Operational"),
    "kernel-event-tracing": (f"{_W}Kernel-EventTracing",),
    "kernel-shimengine": (
        f"{_W}Kernel-ShimEngine/Operational",
        f"{_W}Kernel-ShimEngine/Diagnostic",
    ),
    "ldap": (f"{_W}LDAP-Client/Debug",),
    "lsa-server": (f"{_W}LSA/Operational",),
    "microsoft-servicebus-client": ("Microsoft-ServiceBus-Client/Operational", "Microsoft-ServiceBus-Client/Admin"),
    "msexchange-management": ("MSExchange Management",),
    "ntfs": (f"{_W}Ntfs/Operational",),
    "ntlm": (f"{_W}NTLM/Operational",),
    "openssh": ("OpenSSH/Operational",),
    "powershell": _POWERSHELL,
    "powershell-classic": _CLASSIC,
    "printservice-admin": (f"{_W}PrintService/Admin",),
    "printservice-operational": (f"{_W}PrintService/Operational",),
    "security": ("Security",),
    "security-mitigations": (f"{_W}Security-Mitigations/Kernel Mode", f"{_W}Security-Mitigations/User Mode"),
    "sense": (f"{_W}SENSE/Operational",),
    "servicebus-client": ("Microsoft-ServiceBus-Client/Operational", "Microsoft-ServiceBus-Client/Admin"),
    "shell-core": (f"{_W}Shell-Core/Operational",),
    "smbclient-connectivity": (f"{_W}SmbClient/Connectivity",),
    "smbclient-security": (f"{_W}SmbClient/Security",),
    "smbserver-connectivity": (f"{_W}SMBServer/Connectivity",),
    "sysmon": (_SYSMON,),
    "system": ("System",),
    "taskscheduler": (f"{_W}TaskScheduler/Operational",),
    "terminalservices-localsessionmanager": (f"{_W}TerminalServices-LocalSessionManager/Operational",),
    "vhdmp": (f"{_W}VHDMP/Operational",),
    "windefend": (f"{_W}Windows Defender/Operational",),
    "wmi": (f"{_W}WMI-Activity/Operational",),
}
_OPEN: Final[Gate] = (None, None, None)

_CLOUDTRAIL: Final = LogSource(product="aws", service="cloudtrail")
_KUBERNETES: Final = LogSource(category="application", product="kubernetes", service="audit")


def gates_of(source: LogSource) -> tuple[Gate, ...] | None:
    """The conditions on Windows events under which a rule of that log source is asked; None: it is not about Windows.

    Raises ``ValueError``, which says what is known instead, for a category or service of Windows that is not known.
    """
    if source.product not in ("", "windows") or (source.product == "" and source.category not in _CATEGORIES):
        return None
    gates: tuple[Gate, ...] = (_OPEN,)
    if source.category:
        gates = _known(_CATEGORIES, source.category, "category")
    if source.service:
        channels = frozenset(name.casefold() for name in _known(_SERVICES, source.service, "service"))
        gates = tuple((channels if gate[0] is None else gate[0] & channels, gate[1], gate[2]) for gate in gates)
    return gates


def _known(table: Mapping[str, Any], name: str, kind: str) -> Any:
    if name not in table:
        raise ValueError(f"product windows has no {kind} {name!r} of which it is known how its events look")
    return table[name]


def source_of(fields: Mapping[str, Any]) -> LogSource | None:
    """Where an event comes from by what it says itself: Windows, or one of a few others; None if it says nothing."""
    if "Channel" in fields or ("EventID" in fields and "Provider_Name" in fields):
        return WINDOWS
    if "eventSource" in fields and "eventName" in fields and ("awsRegion" in fields or "eventVersion" in fields):
        return _CLOUDTRAIL
    if str(fields.get("apiVersion")).startswith("audit.k8s.io/"):
        return _KUBERNETES
    return None


WINDOWS: Final = LogSource(product="windows")
