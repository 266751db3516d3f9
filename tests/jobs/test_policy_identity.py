"""What of a policy keeps two runs from being compared."""

from msgspec import structs

from harness.jobs.policy_identity import policy_identity
from harness.measure.comparable import version_differences
from harness.records import Category, Policy, Target
from tests.gating.stored import store_run

POLICY = Policy("demo", 1, (Category("hate", "Hate", "Attacks people."),))


def changed(**fields):
    return structs.replace(POLICY, categories=(structs.replace(POLICY.categories[0], **fields),))


def test_targets_and_owners_are_no_part_of_a_policy_s_identity_and_definitions_are():
    assert policy_identity(changed(owner="T&S", target=Target(0.9, None))) == policy_identity(POLICY)
    assert policy_identity(changed(definition="Attacks or threatens people.")) != policy_identity(POLICY)


def identified(run, identity):
    policy = structs.replace(run.meta.inputs["policy"], identity=identity)
    run.meta = structs.replace(run.meta, inputs={**run.meta.inputs, "policy": policy})


def test_two_runs_differ_by_the_identity_where_both_have_one(tmp_path):
    """A comment in the policy broke a promoted baseline: the bytes differed."""
    old, new = (
        store_run(tmp_path / name, [1, 0], {"v1": [1, 0]}, run_id=f"{name}-000000000000", policy_sha=name * 64)
        for name in "ab"
    )
    assert "edited without a new version" in version_differences(old, new)[0]
    for run, identity in ((old, "x"), (new, "x")):
        identified(run, identity)
    assert version_differences(old, new) == ()
    identified(new, "y" * 8)
    assert "edited without a new version" in version_differences(old, new)[0]
