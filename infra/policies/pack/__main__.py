"""The policy pack, as the engine runs it: `pulumi preview --policy-pack infra/policies/pack`."""

from infra.policies import POLICIES
from infra.policies.analyzer import Analyzer, serve

serve(Analyzer(POLICIES))
