"""The bill's export says every setting: what it left out AWS would fill in, and a later plan would replace it."""

from pathlib import Path

from local.aws.extensions.exports import TABLES
from rayeks.plan import plan

ROOT = Path(__file__).parents[2]


def test_every_setting_of_the_bills_table_is_said():
    (export,) = plan("prod", root=ROOT).of_type("aws:bcmdata/export:Export")
    (query,) = export.inputs["export"]["dataQueries"]
    ((table, settings),) = query["tableConfigurations"].items()
    assert settings.keys() == TABLES[table].keys()
