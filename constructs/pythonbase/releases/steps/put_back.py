"""When a release has failed: put the service back to what it ran before."""

from __future__ import annotations

from pythonbase.releases.steps.calls import FEW_ATTEMPTS, count_longer_waits, ignore
from pythonbase.releases.steps.hold import holding
from pythonbase.releases.steps.register import register_revision
from pythonbase.releases.steps.service import read_service
from pythonbase.releases.steps.target import ReleaseTarget
from pythonbase.releases.steps.update import update_service
from pythonbase.state_machines.states import States, choice, set_variables


def put_back(target: ReleaseTarget) -> States:
    """``Failed`` puts the service back if it may run an image that is not recorded; ``PutBack`` does so in any case.

    Continues with ``IsToBeRemembered``. The error of the release is reported, not an error of these steps.
    """
    settled = "$not($service.Deployments[Status='PRIMARY'].RolloutState = 'IN_PROGRESS')"
    update_back = update_service(target, "$before", then="WaitToSettle", fails=ignore("NotPutBack"))
    renew = register_revision(target, "$running", then="IsToBeRemembered", fails=ignore("IsToBeRemembered"))
    return {
        "Failed": choice(("$touched", "PutBack"), otherwise="IsItNewest"),
        "PutBack": choice(("$revision = $before", "IsToBeRemembered"), otherwise="HoldUpdateBack"),
        **holding(target, "UpdateBack", update_back, fails=ignore("NotPutBack")),
        "NotPutBack": set_variables("IsToBeRemembered", cause="$cause & ' The service could not be put back.'"),
        "WaitToSettle": count_longer_waits("settled", then="Settling", first=5, until=30, later=target.poll_seconds),
        "Settling": read_service(
            target, then="IsItSettled", fails=ignore("IsThereTimeToSettle"), attempts=FEW_ATTEMPTS
        ),
        "IsThereTimeToSettle": choice((f"$settled < {target.timeout_seconds}", "WaitToSettle"), otherwise="Back"),
        "IsItSettled": choice((f"{settled} or $settled >= {target.timeout_seconds}", "Back"), otherwise="WaitToSettle"),
        "Back": set_variables(
            "IsItNewest",
            cause=f"$cause & ($service.TaskDefinition = $before and {settled} "
            "? ' The service is back on ' & $before & '.' "
            ": ' The service was set back to ' & $before & ', and now has ' & $service.TaskDefinition & '.')",
        ),
        # The newest revision of the family must be one that works.
        "IsItNewest": choice(("$registered and $running != $image", "HoldRenew"), otherwise="IsToBeRemembered"),
        **holding(target, "Renew", renew, fails=ignore("IsToBeRemembered")),
    }


def unread() -> States:
    """A read that has failed for good says nothing about the image: nothing is put back. Continues with
    ``UnlockFailed``.
    """
    return {
        "Unread": set_variables(
            "UnlockFailed",
            cause="$cause & ($touched ? ' Nothing was put back. What runs and is not recorded is found by the "
            "reconciler.' : '')",
        )
    }
