"""Launch templates: versions built on versions, tags that are the template's own, and AWS's codes for absent ones."""

from typing import Any

from moto.ec2.exceptions import EC2ClientError, InvalidLaunchTemplateVersionNotFound
from moto.ec2.models.launch_templates import LaunchTemplate, LaunchTemplateVersion
from moto.ec2.utils import parse_user_data

from local.aws.extensions.ec2.service import Document, ec2, forget_tags, select, tag, tags_of
from local.aws.moto import Call, Fault, override, paged

FILTERS = {"launch-template-name": "LaunchTemplateName", "create-time": "CreateTime"}


def patch() -> None:
    """Versions keep their numbers when others are deleted."""
    override(LaunchTemplate, "create_version", _create_version)
    override(LaunchTemplate, "get_version", _get_version)
    override(LaunchTemplate, "default_version", lambda self: _get_version(self, self.default_version_number))


def _create_version(self: Any, data: Document, description: str) -> LaunchTemplateVersion:
    self.newest = vars(self).get("newest", 0) + 1
    version = LaunchTemplateVersion(self, self.newest, data, description)
    self.versions.append(version)
    return version


def _get_version(self: Any, number: Any) -> LaunchTemplateVersion:
    alias = str(number).lower()
    if alias == "$latest":
        return self.versions[-1]
    wanted = str(self.default_version_number) if alias == "$default" else alias
    for version in self.versions:
        if str(version.number) == wanted:
            return version
    raise InvalidLaunchTemplateVersionNotFound(template_id=self.id, version=number)


@ec2
def create_launch_template(call: Call, request: Document) -> Document:
    """Create a template with its first version."""
    template = call.backend("ec2").create_launch_template(
        request["LaunchTemplateName"], request.get("VersionDescription"), _data(request["LaunchTemplateData"]), {}
    )
    template.created_by = _caller(call)
    tag(call, template.id, request, "launch-template")
    return {"LaunchTemplate": _about(call, template)}


@ec2
def create_launch_template_version(call: Call, request: Document) -> Document:
    """Add a version; what it does not say it takes from its source version."""
    template = _template(call, request)
    data = dict(template.get_version(request["SourceVersion"]).data) if request.get("SourceVersion") else {}
    version = template.create_version(data | _data(request["LaunchTemplateData"]), request.get("VersionDescription"))
    return {"LaunchTemplateVersion": _version(call, template, version)}


@ec2
def describe_launch_templates(call: Call, request: Document) -> Document:
    """Templates by id, name or filter."""
    known = call.backend("ec2").launch_templates
    wanted = [{"LaunchTemplateId": key} for key in request.get("LaunchTemplateIds") or []]
    wanted += [{"LaunchTemplateName": name} for name in request.get("LaunchTemplateNames") or []]
    templates = [_template(call, item) for item in wanted] if wanted else list(known.values())
    shown = select([_about(call, template) for template in templates], request, FILTERS)
    page, token = paged(shown, request, token="NextToken", size="MaxResults", most=200)
    return {"LaunchTemplates": page, "NextToken": token}


@ec2
def describe_launch_template_versions(call: Call, request: Document) -> Document:
    """Versions by number, alias or range."""
    if not request.get("LaunchTemplateId") and not request.get("LaunchTemplateName"):
        aliases = [version for version in request.get("Versions") or [] if version in ("$Latest", "$Default")]
        if not aliases:
            raise Fault("MissingParameter", "Either a launch template ID or a launch template name must be specified")
        templates = list(call.backend("ec2").launch_templates.values())
        found = [_version(call, template, template.get_version(alias)) for template in templates for alias in aliases]
        return {"LaunchTemplateVersions": found}
    template = _template(call, request)
    if request.get("Versions"):
        versions = [_numbered(template, number) for number in request["Versions"]]
    else:
        low, high = int(request.get("MinVersion") or 1), int(request.get("MaxVersion") or len(template.versions))
        versions = [version for version in reversed(template.versions) if low <= version.number <= high]
    shown = [_version(call, template, version) for version in versions]
    page, token = paged(shown, request, token="NextToken", size="MaxResults", most=200)
    return {"LaunchTemplateVersions": page, "NextToken": token}


@ec2
def modify_launch_template(call: Call, request: Document) -> Document:
    """Choose the default version."""
    template = _template(call, request)
    template.default_version_number = _numbered(template, request["DefaultVersion"]).number
    return {"LaunchTemplate": _about(call, template)}


@ec2
def delete_launch_template(call: Call, request: Document) -> Document:
    """Delete a template with all its versions."""
    template = _template(call, request)
    about = _about(call, template)
    backend = call.backend("ec2")
    del backend.launch_templates[template.id]
    backend.launch_template_name_to_ids.pop(template.name, None)
    forget_tags(call, template.id)
    return {"LaunchTemplate": about}


@ec2
def delete_launch_template_versions(call: Call, request: Document) -> Document:
    """Delete versions, but never the default one; those that can't be deleted are listed."""
    template = _template(call, request)
    deleted, kept = [], []
    for number in request["Versions"]:
        about = {
            "LaunchTemplateId": template.id,
            "LaunchTemplateName": template.name,
            "VersionNumber": int(number),
        }
        held = next((item for item in template.versions if item.number == int(number)), None)
        if held is None or template.is_default(held):
            code = "launchTemplateVersionDoesNotExist" if held is None else "unexpectedError"
            kept.append(about | {"ResponseError": {"Code": code, "Message": f"Version {number} can't be deleted."}})
        else:
            template.versions.remove(held)
            deleted.append(about)
    return {
        "SuccessfullyDeletedLaunchTemplateVersions": deleted,
        "UnsuccessfullyDeletedLaunchTemplateVersions": kept,
    }


def _data(given: Document) -> Document:
    if not any(value is not None for value in given.values()):
        raise Fault("InvalidRequest", "The launch template data must contain at least one parameter that is not empty.")
    return given | ({"UserData": parse_user_data(given["UserData"])} if given.get("UserData") else {})


def _template(call: Call, request: Document) -> Any:
    backend = call.backend("ec2")
    if request.get("LaunchTemplateId"):
        return backend.get_launch_template(request["LaunchTemplateId"])
    if request.get("LaunchTemplateName"):
        return backend.get_launch_template_by_name(request["LaunchTemplateName"])
    raise Fault("MissingParameter", "Either a launch template ID or a launch template name must be specified")


def _numbered(template: Any, number: str) -> Any:
    absent = Fault(
        "InvalidLaunchTemplateId.VersionNotFound",
        f"Could not find the specified version {number} for the launch template with ID {template.id}.",
    )
    try:
        return template.get_version(number)
    except (EC2ClientError, ValueError):
        raise absent from None


def _about(call: Call, template: Any) -> Document:
    return {
        "LaunchTemplateId": template.id,
        "LaunchTemplateName": template.name,
        "CreateTime": template.create_time,
        "CreatedBy": template.created_by,
        "DefaultVersionNumber": template.default_version_number,
        "LatestVersionNumber": template.latest_version_number,
        "Tags": tags_of(call, template.id),
    }


def _version(call: Call, template: Any, version: Any) -> Document:
    return {
        "LaunchTemplateId": template.id,
        "LaunchTemplateName": template.name,
        "VersionNumber": version.number,
        "VersionDescription": version.description,
        "CreateTime": version.create_time,
        "CreatedBy": template.created_by,
        "DefaultVersion": template.is_default(version),
        "LaunchTemplateData": version.data,
    }


def _caller(call: Call) -> str:
    return call.backend("sts").get_caller_identity(call.access_key, region=call.region)[1]
