"""Serializers of HTTP requests and responses."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from designs.access.permissions import may_grant_secrecy
from designs.cad.reasons import shown_facts
from designs.models import BOMItem, Clearance, Design, Organization, Role, Series
from designs.models.text import validate_one_line

__all__ = [
    "BOMSerializer",
    "DesignSerializer",
    "FailureSerializer",
    "GeometrySerializer",
    "LoginSerializer",
    "MemberSerializer",
    "NewMemberSerializer",
    "NewSeriesSerializer",
    "OrganizationDetailSerializer",
    "OrganizationSerializer",
    "SeriesSerializer",
    "TokenSerializer",
    "UploadSerializer",
]

Data = dict[str, Any]


# Not as an enumeration: the schema would have to find one name for two fields with the same choices.
@extend_schema_field({"type": "integer", "minimum": min(Clearance), "maximum": max(Clearance)})
class ClearanceField(serializers.ChoiceField):
    """0 unclassified, 1 confidential, 2 secret, 3 top secret."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=Clearance.choices, **kwargs)


class LoginSerializer(serializers.Serializer[Data]):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=1024, trim_whitespace=False, style={"input_type": "password"})


class TokenSerializer(serializers.Serializer[Data]):
    token = serializers.CharField(help_text="Shown this once; only its hash is kept.")
    expiry = serializers.DateTimeField(allow_null=True)


class OrganizationSerializer(serializers.ModelSerializer[Organization]):
    class Meta:
        model = Organization
        fields = ["id", "name", "slug", "created_at"]


class OrganizationDetailSerializer(serializers.ModelSerializer[Organization]):
    """Limits of an organization, with the usage that is visible to the user."""

    user_count = serializers.IntegerField(read_only=True)
    design_count = serializers.SerializerMethodField(help_text="Designs that you may see, every version counted.")
    storage_used_bytes = serializers.SerializerMethodField(help_text="Bytes of the designs that you may see.")

    class Meta:
        model = Organization
        fields = [
            "id", "name", "slug", "created_at",
            "max_users", "user_count", "max_designs", "design_count",
            "storage_quota_bytes", "storage_used_bytes",
        ]  # fmt: skip

    def get_design_count(self, organization: Organization) -> int:
        return organization.design_count(self.context.get("visible"))

    def get_storage_used_bytes(self, organization: Organization) -> int:
        return organization.storage_used_bytes(self.context.get("visible"))


class MemberSerializer(serializers.Serializer[Data]):
    """An entry of the list of members. ``context["by"]`` is the membership of the requesting user."""

    id = serializers.UUIDField()
    username = serializers.CharField()
    role = serializers.ChoiceField(choices=Role.choices)
    clearance = ClearanceField(required=False, help_text="Visible to admins and owners who may grant it and US person.")
    is_us_person = serializers.BooleanField(required=False, help_text="Visible together with the clearance.")
    is_primary = serializers.BooleanField(
        required=False, help_text="In your own entry, and after adding, as requested."
    )
    created_at = serializers.DateTimeField()

    def to_representation(self, instance: Data) -> Data:
        shown = super().to_representation(instance)
        by = self.context["by"]
        if not may_grant_secrecy(by, clearance=instance["clearance"], is_us_person=instance["is_us_person"]):
            del shown["clearance"], shown["is_us_person"]
        if instance.get("account") == by.user_id:
            shown["is_primary"] = by.is_primary
        return shown


class NewMemberSerializer(serializers.Serializer[Data]):
    username = serializers.CharField(max_length=150)
    role = serializers.ChoiceField(
        choices=Role.choices,
        error_messages={"invalid_choice": f'"{{input}}" is no role. Use one of {", ".join(Role.values)}.'},
    )
    clearance = ClearanceField(default=Clearance.UNCLASSIFIED)
    is_us_person = serializers.BooleanField(default=False)
    is_primary = serializers.BooleanField(
        default=False, help_text="Make this the user's primary organization; without effect for a member of another."
    )


class SeriesSerializer(serializers.ModelSerializer[Series]):
    class Meta:
        model = Series
        fields = ["id", "organization", "part_number", "name", "description", "created_at"]


class NewSeriesSerializer(serializers.Serializer[Data]):
    organization = serializers.UUIDField(
        required=False, help_text="Default: the primary or only organization of the user."
    )
    part_number = serializers.CharField(max_length=100, validators=[validate_one_line])
    name = serializers.CharField(max_length=200, validators=[validate_one_line])
    description = serializers.CharField(max_length=10_000, required=False, allow_blank=True, default="")


@extend_schema_field(OpenApiTypes.BINARY)
class _ContentField(serializers.FileField):
    """A file to send; the schema would describe a plain file field as a URL."""


class UploadSerializer(serializers.Serializer[Data]):
    # The rules of uploads refuse an empty file, not the form.
    file = _ContentField(allow_empty_file=True)
    series = serializers.UUIDField()
    is_itar = serializers.BooleanField(default=False)
    classification = ClearanceField(default=Clearance.UNCLASSIFIED)
    sha256 = serializers.RegexField(
        r"\A[0-9a-fA-F]{64}\Z",
        required=False,
        help_text="If given, the content must have this SHA-256 digest.",
    )


class FailureSerializer(serializers.Serializer[Data]):
    id = serializers.CharField(help_text="The error_id under which the failure is recorded.")
    code = serializers.CharField()
    detail = serializers.CharField()
    status = serializers.IntegerField(allow_null=True)
    reason = serializers.CharField(
        required=False, help_text="Reason, from a closed list. Present if known, like the next ones."
    )
    stage = serializers.CharField(required=False, help_text="Stage at which the file failed.")
    line = serializers.IntegerField(required=False, help_text="Line of the file.")
    entity = serializers.CharField(required=False, help_text="The entity's number, such as #12.")
    section = serializers.CharField(required=False, help_text="The section of the file.")
    limit = serializers.IntegerField(required=False, help_text="The limit that the file exceeds.")
    hint = serializers.CharField(required=False, help_text="Advice: where to look and what to do.")


class DesignSerializer(serializers.ModelSerializer[Design]):
    organization = serializers.UUIDField(source="series.organization_id", read_only=True)
    part_number = serializers.CharField(source="series.part_number", read_only=True)
    version = serializers.IntegerField(
        source="shown_version",
        read_only=True,
        help_text="Counts the versions of the series that you may see, oldest first. The id is the same for everyone.",
    )
    classification = ClearanceField(read_only=True)
    error = serializers.SerializerMethodField()

    class Meta:
        model = Design
        fields = [
            "id", "organization", "series", "part_number", "version", "status", "step", "error",
            "file_name", "size_bytes", "sha256", "kind", "schema", "unit", "unit_millimetres",
            "is_itar", "classification", "created_at", "finalized_at", "processed_at",
        ]  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(FailureSerializer(allow_null=True))
    def get_error(self, design: Design) -> Data | None:
        if not design.error_code:
            return None
        return {
            "id": design.error_id,
            "code": design.error_code,
            "detail": design.error_detail,
            "status": design.error_status,
            **shown_facts(design.error_facts),
        }


class _BoxSerializer(serializers.Serializer[Data]):
    x = serializers.FloatField()
    y = serializers.FloatField()
    z = serializers.FloatField()


class GeometrySerializer(serializers.Serializer[Data]):
    """Lengths in the unit, areas in its square, volumes in its cube; null if the file has no such thing."""

    design = serializers.UUIDField()
    unit = serializers.CharField()
    solids = serializers.IntegerField()
    faces = serializers.IntegerField()
    box = _BoxSerializer(allow_null=True)
    volume = serializers.FloatField(allow_null=True)
    area = serializers.FloatField(allow_null=True)
    kernel_version = serializers.CharField()
    warnings = serializers.ListField(child=serializers.CharField())


class _BOMItemSerializer(serializers.ModelSerializer[BOMItem]):
    class Meta:
        model = BOMItem
        fields = ["part", "quantity"]


class BOMSerializer(serializers.Serializer[Data]):
    design = serializers.UUIDField()
    pieces = serializers.IntegerField(help_text="Sum of the quantities.")
    items = _BOMItemSerializer(many=True)
