//! What probes get wrong, computed by hand.

use std::collections::BTreeMap;

use super::fixture::{Story, WEB, check, model, pod, secs};
use crate::base::time::SimDuration;
use crate::model::{
    AppBehaviour, ContainerSpec, Hook, ImageId, Model, ProbeHandler, ProbeKind, ProbeSpec,
    PullPolicy,
};
use crate::record::{ExitCause, Fact};
use crate::rng::Distribution;

/// `shop/web` has one container with a probe of each kind.
pub(super) fn probed(run_s: u64) -> Model {
    let probe = ProbeSpec {
        handler: ProbeHandler::TcpSocket,
        initial_delay: SimDuration::ZERO,
        period: SimDuration::from_secs(10),
        timeout: SimDuration::from_secs(1),
        success_threshold: 1,
        failure_threshold: 3,
        termination_grace: None,
    };
    let none = || Distribution::Constant(0.0);
    let behaviour = AppBehaviour {
        runs: None,
        startup_s: none(),
        shutdown_s: none(),
        latency: SimDuration::ZERO,
        checks_dependencies: true,
        post_start: None,
        post_start_fails: 0.0,
        memory_bytes: 0,
        ephemeral_bytes: 0,
        processes: 1,
        failures: Vec::new(),
    };
    let container = ContainerSpec {
        name: "app".into(),
        image: ImageId::from_raw(0),
        pull_policy: PullPolicy::IfNotPresent,
        sidecar: false,
        memory_limit_bytes: None,
        asked: BTreeMap::new(),
        limits: BTreeMap::new(),
        startup: Some(probe),
        liveness: Some(probe),
        readiness: Some(probe),
        post_start: Hook::None,
        pre_stop: Hook::None,
        behaviour,
    };
    let mut world = model(run_s);
    let template = world.workloads[WEB].template;
    world.templates[template].containers.push(container);
    world
}

fn result(story: &mut Story, time: u64, kind: ProbeKind, passing: bool) {
    story.at(time, Fact::ProbeResult { pod: pod(0), container: 0, kind, passing });
}

const LIVENESS: (&str, &str) = ("probe", "Liveness");
const READINESS: (&str, &str) = ("probe", "Readiness");
const STARTUP: (&str, &str) = ("probe", "Startup");
const SHOP_WEB: (&str, &str) = ("workload", "shop/web");

#[test]
fn a_miss_lasts_until_the_probe_notices_or_the_pod_serves() {
    // Broken from 100 to 200 s; readiness notices at 130 s, liveness never.
    let mut story = Story::settled();
    story.serve(100, 0, false);
    result(&mut story, 130, ProbeKind::Readiness, false);
    story.ready(130, 0, false).serve(200, 0, true);
    result(&mut story, 205, ProbeKind::Readiness, true);
    let mut world = probed(300);
    check(
        &story.digest(&world),
        &[
            ("probe_missed_seconds", &[LIVENESS], 100.0),
            ("probe_missed_seconds", &[LIVENESS, SHOP_WEB], 100.0),
            ("probe_missed_seconds", &[READINESS], 30.0),
            ("probe_missed_seconds", &[STARTUP], 100.0),
            ("probe_false_positives_total", &[READINESS], 0.0),
            ("probe_false_positives_total", &[LIVENESS, SHOP_WEB], 0.0),
        ],
    );
    world.measure_from = secs(150);
    check(
        &story.digest(&world),
        &[("probe_missed_seconds", &[LIVENESS], 50.0), ("probe_missed_seconds", &[READINESS], 0.0)],
    );
}

#[test]
fn neither_start_up_nor_a_dead_container_is_a_miss() {
    let mut story = Story::settled();
    story.serve(100, 0, false).exit(100, 0, ExitCause::Itself);
    // Its liveness probe passes from the start, though it needs 30 s to start up.
    story.start(110, 0, 1).serve(140, 0, true);
    let metrics = story.digest(&probed(300));
    check(&metrics, &[("probe_missed_seconds", &[LIVENESS], 0.0)]);
    check(&metrics, &[("container_restarts_total", &[SHOP_WEB], 1.0)]);
}

#[test]
fn a_false_positive_hits_what_serves_or_would_have_recovered() {
    let kill = |story: &mut Story, time: u64, unneeded: bool| {
        let (cause, code) = (ExitCause::LivenessProbe, 137);
        story.at(time, Fact::ContainerExited { pod: pod(0), container: 0, cause, code, unneeded });
        story.start(time + 1, 0, 1).serve(time + 5, 0, true);
    };
    // Slow but serving: both probes are wrong, and the kill counts once.
    let mut story = Story::settled();
    result(&mut story, 50, ProbeKind::Readiness, false);
    result(&mut story, 60, ProbeKind::Liveness, false);
    kill(&mut story, 61, true);
    // Broken, but not for long: the kill was not needed.
    story.serve(100, 0, false);
    result(&mut story, 120, ProbeKind::Readiness, false);
    result(&mut story, 120, ProbeKind::Liveness, false);
    kill(&mut story, 121, true);
    // Broken for good: right.
    story.serve(200, 0, false);
    result(&mut story, 220, ProbeKind::Liveness, false);
    kill(&mut story, 221, false);
    let mut world = probed(300);
    check(
        &story.digest(&world),
        &[
            ("probe_false_positives_total", &[LIVENESS], 2.0),
            ("probe_false_positives_total", &[LIVENESS, SHOP_WEB], 2.0),
            ("probe_false_positives_total", &[READINESS, SHOP_WEB], 1.0),
            ("unneeded_restarts_total", &[SHOP_WEB], 2.0),
            ("container_restarts_total", &[SHOP_WEB], 3.0),
        ],
    );
    world.measure_from = secs(100);
    check(&story.digest(&world), &[("probe_false_positives_total", &[LIVENESS], 1.0)]);
}
