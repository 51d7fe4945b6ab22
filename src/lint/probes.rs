//! Rules about probes, and about starts that take longer than they allow.

use k8s_openapi::api::core::v1::{Container, Probe};

use super::findings::Findings;
use super::rules::{self, Rule};
use super::scene::{Scene, Workload};
use crate::base::diag::Severity;
use crate::rng::Distribution;
use crate::scenario::manifest::Cursor;

/// A start that one in so many is faster than, and one in so many slower than.
const SHARES: (f64, f64) = (0.01, 0.99);

/// Half a second more than a probe waits is no difference worth a finding.
const ROUNDING_S: f64 = 0.5;

/// Looks at the probes of every container.
pub(super) fn check(scene: &Scene<'_>, found: &mut Findings) {
    for workload in &scene.workloads {
        for (container, at) in workload.containers() {
            equal_probes((workload, container), &at, found);
            timeouts((workload, container), &at, found);
            if let Some(startup) = scene.startup(workload, container) {
                slow_start((workload, container), startup, &at, found);
            }
        }
    }
}

/// `container web of Deployment shop/web`.
pub(super) fn title(workload: &Workload<'_>, container: &Container) -> String {
    format!("container {} of {}", container.name, workload.title())
}

/// Seconds as people write them.
pub(super) fn seconds(amount: f64) -> String {
    let rounded = (amount * 10.0).round() / 10.0;
    format!("{rounded} s")
}

/// `failureThreshold × periodSeconds`, seconds: how long a probe goes on failing before it counts.
fn patience(probe: &Probe) -> i64 {
    i64::from(probe.failure_threshold.unwrap_or(3)) * i64::from(probe.period_seconds.unwrap_or(10))
}

fn equal_probes(
    (workload, container): (&Workload<'_>, &Container),
    at: &Cursor<'_>,
    found: &mut Findings,
) {
    let (Some(liveness), Some(readiness)) = (&container.liveness_probe, &container.readiness_probe)
    else {
        return;
    };
    let same = liveness.exec == readiness.exec
        && liveness.grpc == readiness.grpc
        && liveness.http_get == readiness.http_get
        && liveness.tcp_socket == readiness.tcp_socket;
    if same && patience(liveness) <= patience(readiness) {
        let message = format!(
            "{}: liveness asks what readiness asks and gives up after {} s, readiness after {} s",
            title(workload, container),
            patience(liveness),
            patience(readiness)
        );
        found.add(&rules::SAME_PROBES, workload.manifest, &at.key("livenessProbe"), message);
    }
}

fn timeouts(
    (workload, container): (&Workload<'_>, &Container),
    at: &Cursor<'_>,
    found: &mut Findings,
) {
    for (field, probe) in [
        ("livenessProbe", &container.liveness_probe),
        ("readinessProbe", &container.readiness_probe),
        ("startupProbe", &container.startup_probe),
    ] {
        let Some(probe) = probe else { continue };
        let (timeout, period) =
            (probe.timeout_seconds.unwrap_or(1), probe.period_seconds.unwrap_or(10));
        // A second each is what the defaults make of the shortest period there is.
        if timeout >= period && timeout > 1 {
            let message = format!(
                "{}: the {field} waits {timeout} s for an answer and asks every {period} s",
                title(workload, container)
            );
            let at = at.keys(&[field, "timeoutSeconds"]);
            found.add(&rules::LONG_TIMEOUT, workload.manifest, &at, message);
        }
    }
}

/// A start against the probe that limits it: the startup probe, else liveness.
fn slow_start(
    (workload, container): (&Workload<'_>, &Container),
    startup: &Distribution,
    at: &Cursor<'_>,
    found: &mut Findings,
) {
    let (rule, field, probe): (&'static Rule, _, _) =
        match (&container.startup_probe, &container.liveness_probe) {
            (Some(probe), _) => (&rules::STARTUP_TOO_SHORT, "startupProbe", probe),
            (None, Some(probe)) => (&rules::LIVENESS_KILLS_START, "livenessProbe", probe),
            (None, None) => return,
        };
    let delay = i64::from(probe.initial_delay_seconds.unwrap_or(0));
    let period = i64::from(probe.period_seconds.unwrap_or(10));
    // The first question comes up to a period after the delay.
    #[expect(clippy::cast_precision_loss, reason = "seconds of a probe are small")]
    let (least, most) =
        ((delay + patience(probe) - period) as f64, (delay + patience(probe)) as f64);
    let (fast, slow) = (startup.quantile(SHARES.0), startup.quantile(SHARES.1));
    if slow <= least + ROUNDING_S {
        return;
    }
    let always = fast > most;
    let named = title(workload, container);
    let kills = format!("its {field} kills it after {}", seconds(most));
    let message = if always {
        format!("{named} starts in {} at best; {kills}", seconds(fast))
    } else {
        let slow = seconds(slow);
        let least = seconds(least);
        format!("{named}: one start in a hundred takes {slow} or more; {kills}, or {least}")
    };
    let level = if always { rule.level } else { Severity::Warning };
    found.add_as(level, rule, workload.manifest, &at.key(field), message);
}
