"""The keys of the format, as ``demisto-sdk`` 1.39 knows them, and the spellings that products of the family add."""

from __future__ import annotations

from typing import Any, Final

__all__ = ["ARGUMENT", "COMMAND", "INTEGRATION", "OUTPUT", "PARAMETER", "SCRIPT", "settled"]

INTEGRATION: Final = (
    *("autoUpdateDockerImage", "autoconfiginstance", "beta", "category", "commonfields", "configuration"),
    *("contentitemexportablefields", "defaultEnabled", "defaultclassifier", "defaultmapperin", "defaultmapperout"),
    *("deprecated", "description", "detaileddescription", "display", "excludefromtightlycoupled", "fromversion"),
    *("hidden", "hybrid", "image", "internal", "isCloudProviderIntegration", "marketplaces", "name", "provider"),
    *("script", "scriptNotVisible", "sectionOrder", "sectionorder", "source", "supportedFeatures", "supportedModules"),
    *("supportlevelheader", "supportsquickactions", "system", "tests", "toversion", "triggers", "versionedfields"),
    "videos",
)
SCRIPT: Final = (
    *("alt_dockerimages", "commands", "dockerimage", "dockerimage45", "feed", "isFetchSamples", "isfetch"),
    *("isfetchassets", "isfetchcredentials", "isfetchevents", "ismappable", "isremotesyncin", "isremotesyncout"),
    *("longRunning", "longRunningPort", "mcp", "nativeImage", "nativeimage", "resetContext", "runonce", "script"),
    *("spec", "subtype", "type"),
)
PARAMETER: Final = (
    *("additionalinfo", "advanced", "defaultvalue", "display", "displaypassword", "fromlicense", "hidden"),
    *("hiddenpassword", "hiddenusername", "name", "options", "required", "section", "supportedModules", "type"),
)
COMMAND: Final = (
    *("arguments", "compliantpolicies", "deprecated", "description", "execution", "hidden", "important", "name"),
    *("outputs", "permitted", "polling", "prettyname", "quickaction", "sensitive", "supportedModules", "system"),
    "timeout",
)
ARGUMENT: Final = (
    *("auto", "default", "defaultValue", "deprecated", "description", "hidden", "isArray", "name", "predefined"),
    *("prettyname", "prettypredefined", "required", "secret", "supportedModules", "type"),
)
OUTPUT: Final = ("contentPath", "contextPath", "description", "important", "importantDescription", "type")

_OTHERS: Final = (":marketplacev2", ":platform", ":xpanse", ":xsoar_on_prem", ":xsoar_saas", "_x2")


def settled(data: dict[str, Any]) -> dict[str, Any]:
    """``data`` as XSOAR reads it: ``KEY:xsoar`` in the place of ``KEY``, without what is for its sister products."""
    if not any(":" in key or key.endswith("_x2") for key in data):
        return data
    own = {key.removesuffix(":xsoar"): value for key, value in data.items() if key.endswith(":xsoar")}
    common = {key: value for key, value in data.items() if not key.endswith((":xsoar", *_OTHERS))}
    return common | own
