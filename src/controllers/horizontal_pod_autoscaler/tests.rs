//! The worked examples of kubernetes-behaviour §3.11 and §3.20, and the words.

mod properties;

use super::*;
use crate::model::PodId;
use crate::state::Phase;

struct Numbered;

impl Names for Numbered {
    fn pod(&self, pod: PodId) -> String {
        format!("web-{}", pod.raw())
    }

    fn container(&self, _pod: PodId, place: u16) -> String {
        ["app", "proxy"][usize::from(place)].to_owned()
    }
}

/// How a pod of a worked example is.
#[derive(Clone, Copy)]
enum Pod {
    /// Ready for long, using so much.
    Uses(i64),
    /// Pending.
    Pending,
    /// Ready for long, without a sample.
    Missing,
    /// Failed.
    Failed,
}

const AT: SimTime = SimTime::from_secs(100_000);

/// Pods that request 100m each, and what is known of them.
fn pods_of(kinds: &[Pod]) -> (Vec<ScaledPod>, Vec<PodReading>) {
    let since = AT - SimDuration::from_hours(1);
    let one = |(at, kind): (usize, &Pod)| {
        let (phase, milli) = match kind {
            Pod::Uses(milli) => (Phase::Running, Some(*milli)),
            Pod::Missing => (Phase::Running, None),
            Pod::Pending => (Phase::Pending, None),
            Pod::Failed => (Phase::Failed, Some(1000)),
        };
        let pod = ScaledPod {
            pod: PodId::from_index(at),
            phase,
            terminating: false,
            readiness: Some(Readiness { ready: phase == Phase::Running, since }),
            started: Some(since),
        };
        let window = SimDuration::from_secs(15);
        let sample = milli.map(|milli| Sample { milli, taken: AT, window });
        (pod, PodReading { sample, request: PodRequest::of([Some(60), Some(40)]) })
    };
    kinds.iter().enumerate().map(one).unzip()
}

fn cpu(target: ResourceTarget) -> MetricSource {
    MetricSource::Resource { resource: ScaledResource::Cpu, target }
}

fn queue_length(average_milli: i64) -> MetricSource {
    let metric = MetricName::plain("queue");
    MetricSource::External { metric, target: ValueTarget::AverageMilli(average_milli) }
}

fn autoscaler(metrics: Vec<MetricSource>, behavior: Option<Behavior>) -> Autoscaler {
    let namespace = "shop".into();
    Autoscaler { namespace, min_replicas: 1, max_replicas: 100, metrics, behavior }
}

fn asked(target: ResourceTarget, current: i32, kinds: &[Pod]) -> Result<i32, Failure> {
    let (pods, readings) = pods_of(kinds);
    let scale = Scale { spec: current, status: current };
    let reading = Reading::Pods(&readings);
    let proposal = propose(&Settings::default(), &cpu(target), scale, &pods, reading, AT);
    proposal.map(|proposal| proposal.replicas)
}

#[test]
fn replicas_by_utilization_and_average() {
    use Pod::{Failed, Missing, Pending, Uses};
    let percent = ResourceTarget::Utilization(50);
    let milli = ResourceTarget::AverageMilli(50);
    let ninety = [Uses(90), Uses(90), Uses(90)];
    for (target, current, kinds, replicas) in [
        // 270/300 = 90 %: 1.8 × 3.
        (percent, 3, &ninety[..], 6),
        // 270/500 = 54 %: 1.08 is within tolerance.
        (percent, 5, &[Uses(90), Uses(90), Uses(90), Pending, Missing], 5),
        // (60 + 100)/400 = 40 %: 0.8 × 4.
        (percent, 4, &[Uses(20), Uses(20), Uses(20), Missing], 4),
        (percent, 3, &[Uses(20), Uses(20), Uses(20)], 2),
        // An unready pod does not hold a scale-down back, nor does it count.
        (percent, 4, &[Uses(20), Uses(20), Uses(20), Pending], 2),
        (percent, 4, &[Uses(46), Uses(46), Uses(46), Pending], 4),
        // A failed pod and its sample count for nothing.
        (percent, 3, &[Uses(90), Uses(90), Uses(90), Failed], 6),
        // 240/500 = 48 %: the missing pods would turn the direction.
        (percent, 5, &[Uses(60), Uses(90), Uses(90), Missing, Missing], 5),
        // 500/6 = 83 of 50: ceil(83/50 × 6) = 10.
        (milli, 6, &[Uses(250), Uses(250), Pending, Pending, Pending, Missing], 10),
        // Missing pods are at the target: (60 + 100)/5 = 32: ceil(0.64 × 5) = 4.
        (milli, 5, &[Uses(20), Uses(20), Uses(20), Missing, Missing], 4),
        // At the target, 50 %, missing pods change nothing.
        (percent, 4, &[Uses(50), Uses(50), Missing, Missing], 4),
        // The counted pods would ask for fewer than there are, though they are too busy.
        (percent, 9, &[Uses(90), Uses(90), Uses(90), Missing], 9),
    ] {
        assert_eq!(asked(target, current, kinds), Ok(replicas), "{target:?} of {current}");
    }
    let nobody = Err(Failure::NoneReady);
    assert_eq!(asked(percent, 2, &[Failed, Pending]), nobody);
    assert_eq!(asked(percent, 2, &[Missing, Pending]), Err(Failure::NoSamples));
}

#[test]
fn missing_pods_use_their_request_or_more_if_more_is_aimed_at() {
    let target = ResourceTarget::Utilization(150);
    // (80 + 150)/200 = 115 %: 0.767 × 2 = 1.53.
    assert_eq!(asked(target, 3, &[Pod::Uses(80), Pod::Missing]), Ok(2));
    // (80 + 2 · 150)/300 = 126 %: 0.84 × 3 = 2.52.
    assert_eq!(asked(target, 3, &[Pod::Uses(80), Pod::Missing, Pod::Missing]), Ok(3));
}

#[test]
fn what_tolerance_means_depends_on_the_release() {
    let (pods, readings) = pods_of(&[Pod::Uses(55); 10]);
    for (release, replicas) in [(Release::V1_29, 11), (Release::V1_34, 10)] {
        let settings = Settings { release, ..Settings::default() };
        let scale = Scale { spec: 10, status: 10 };
        let source = cpu(ResourceTarget::Utilization(50));
        let asked = propose(&settings, &source, scale, &pods, Reading::Pods(&readings), AT);
        let measured = Measured::Utilization { percent: 55, average_milli: 55 };
        assert_eq!(asked, Ok(Proposal { replicas, measured }));
    }
}

#[test]
fn cpu_samples_count_once_a_pod_has_been_ready_for_a_window() {
    let settings = Settings::default();
    let ago = |seconds| AT - SimDuration::from_secs(seconds);
    let ready = |since| Some(Readiness { ready: true, since: ago(since) });
    let unready = |since| Some(Readiness { ready: false, since: ago(since) });
    let sampled = |taken| {
        let (taken, window) = (ago(taken), SimDuration::from_secs(30));
        Some(Sample { milli: 1, taken, window })
    };
    for (started, readiness, sample, group) in [
        (Some(100), ready(50), sampled(20), PodGroup::Ready),
        (Some(100), ready(50), sampled(21), PodGroup::Unready),
        (Some(100), unready(50), sampled(0), PodGroup::Unready),
        // Five minutes after its start its readiness no longer matters, if it has been ready.
        (Some(300), ready(5), sampled(0), PodGroup::Ready),
        (Some(300), unready(270), sampled(0), PodGroup::Ready),
        (Some(300), unready(271), sampled(0), PodGroup::Unready),
        (Some(299), ready(5), sampled(0), PodGroup::Unready),
        (None, ready(50), sampled(0), PodGroup::Unready),
        (Some(300), None, sampled(0), PodGroup::Unready),
        (Some(300), None, None, PodGroup::Missing),
    ] {
        let (pod, phase, terminating) = (PodId::from_raw(0), Phase::Running, false);
        let started = started.map(ago);
        let pods = [ScaledPod { pod, phase, terminating, readiness, started }];
        let readings = [PodReading { sample, request: PodRequest::Milli(100) }];
        let groups = |of_cpu| pod_groups(&settings, &pods, &readings, of_cpu, AT)[0];
        assert_eq!(groups(true), group, "{pods:?} {sample:?}");
        let plain = if sample.is_some() { PodGroup::Ready } else { PodGroup::Missing };
        assert_eq!(groups(false), plain);
        let going = [ScaledPod { terminating: true, ..pods[0] }];
        assert_eq!(pod_groups(&settings, &going, &readings, true, AT), [PodGroup::Ignored]);
    }
}

#[test]
fn replicas_by_the_value_of_an_object() {
    use Pod::{Pending, Uses};
    let settings = Settings::default();
    let (pods, _) = pods_of(&[Uses(1), Uses(1), Uses(1), Pending]);
    let total = |milli| (ValueTarget::Milli(milli), Measured::Milli as fn(i64) -> Measured);
    let average =
        |milli| (ValueTarget::AverageMilli(milli), Measured::AverageMilli as fn(i64) -> Measured);
    for ((target, measured), (spec, status), milli, replicas, shown) in [
        (total(1000), (4, 4), 2100, 7, 2100),
        (total(1000), (4, 4), 1100, 4, 1100),
        (total(1000), (4, 4), 1101, 4, 1101),
        (total(1000), (0, 0), 2100, 3, 2100),
        (average(1000), (4, 4), 2100, 3, 525),
        (average(1000), (9, 4), 4399, 4, 1100),
        (average(1000), (4, 4), 4401, 5, 1101),
        (average(1000), (0, 0), 4401, 5, 0),
    ] {
        let metric = MetricName::plain("hits");
        let (kind, object) = ("Ingress".into(), "main".into());
        let source = MetricSource::Object { kind, object, metric, target };
        let scale = Scale { spec, status };
        let asked = propose(&settings, &source, scale, &pods, Reading::Value(milli), AT);
        assert_eq!(asked, Ok(Proposal { replicas, measured: measured(shown) }), "{source:?}");
    }
}

/// Recommendations one after the other, by an external metric of 1 for each replica, and what the
/// target then has.
fn replicas_after(hpa: &Autoscaler, initial: i32, every: u64, wanted: &[i64]) -> Vec<i32> {
    let step = |(at, replicas): (u64, &i64)| SequenceStep {
        at: SimDuration::from_secs(at * every),
        metric_milli: replicas * 1000,
        set_before: None,
        set_after: None,
    };
    let steps: Vec<SequenceStep> = (0..).zip(wanted).map(step).collect();
    let taken = sequence(hpa, &Settings::default(), initial, &steps);
    taken.into_iter().map(|taken| taken.after).collect()
}

#[test]
fn a_scale_down_waits_until_no_higher_recommendation_is_in_the_window() {
    let hpa = autoscaler(vec![queue_length(1000)], Some(TypedBehavior::default().defaulted()));
    let wanted = [10, 6, 8, 4, 4, 4, 4, 4];
    assert_eq!(replicas_after(&hpa, 10, 60, &wanted), [10, 10, 10, 10, 10, 8, 8, 4]);
    // Without `behavior` a recommendation of exactly the window's age counts.
    let hpa = autoscaler(vec![queue_length(1000)], None);
    let wanted = [10, 6, 8, 4, 4, 4, 4, 4, 4];
    assert_eq!(replicas_after(&hpa, 10, 60, &wanted), [10, 10, 10, 10, 10, 10, 8, 8, 4]);
}

#[test]
fn a_scale_up_is_as_fast_as_its_policies_allow() {
    let mut hpa = autoscaler(vec![queue_length(1000)], Some(TypedBehavior::default().defaulted()));
    assert_eq!(replicas_after(&hpa, 1, 15, &[99; 6]), [5, 10, 20, 40, 80, 99]);
    // Within one period the start counts.
    assert_eq!(replicas_after(&hpa, 1, 5, &[99; 7]), [5, 5, 5, 10, 10, 10, 20]);
    hpa.behavior = None;
    assert_eq!(replicas_after(&hpa, 1, 15, &[99; 6]), [4, 8, 16, 32, 64, 99]);
    let period = SimDuration::from_mins(1);
    let policies = vec![
        ScalingPolicy { step: Step::Pods(3), period },
        ScalingPolicy { step: Step::Percent(10), period },
    ];
    let rules = |select| TypedRules { policies: Some(policies.clone()), select, window: None };
    for (select, up) in [
        (None, [13, 13, 13, 13, 16]),
        (Some(SelectPolicy::Min), [11, 11, 11, 11, 13]),
        (Some(SelectPolicy::Disabled), [10; 5]),
    ] {
        let typed = TypedBehavior { up: Some(rules(select)), down: None };
        hpa.behavior = Some(typed.defaulted());
        assert_eq!(replicas_after(&hpa, 10, 15, &[99; 5]), up, "{select:?}");
    }
    for (select, down) in [
        (None, [17, 17, 17, 17, 14]),
        (Some(SelectPolicy::Min), [18, 18, 18, 18, 16]),
        (Some(SelectPolicy::Disabled), [20; 5]),
    ] {
        let window = Some(SimDuration::ZERO);
        let typed = TypedBehavior { up: None, down: Some(TypedRules { window, ..rules(select) }) };
        hpa.behavior = Some(typed.defaulted());
        assert_eq!(replicas_after(&hpa, 20, 15, &[1; 5]), down, "{select:?}");
    }
}

/// An autoscaler and what it knows.
struct Case {
    hpa: Autoscaler,
    status: HpaStatus,
    memory: Memory,
}

impl Case {
    fn new(hpa: Autoscaler) -> Self {
        Self { hpa, status: HpaStatus::default(), memory: Memory::default() }
    }

    fn sync(&mut self, replicas: i32, pods: &[ScaledPod], readings: &[Reading<'_>]) -> Synced {
        let scale = Ok(Scale { spec: replicas, status: replicas });
        let seen = Observed { scale, pods, readings };
        let Self { hpa, status, memory } = self;
        sync(hpa, &Settings::default(), &seen, status, memory, AT)
    }

    fn settle(&mut self, rescale: Rescale, answer: Result<(), &'static str>) -> String {
        let Self { hpa, status, memory } = self;
        let event = settle(hpa, rescale, answer, status, memory, AT);
        format!("{} {}: {}", event.kind(), event.reason(hpa), event.message(hpa, &Numbered))
    }

    fn told(&self, events: &[HpaEvent]) -> Vec<String> {
        let hpa = &self.hpa;
        let tell =
            |event: &HpaEvent| format!("{}: {}", event.reason(hpa), event.message(hpa, &Numbered));
        events.iter().map(tell).collect()
    }

    fn conditions(&self) -> Vec<String> {
        let tell = |(name, condition): (&str, HpaCondition)| {
            let (reason, holds) = (condition.reason, condition.holds);
            let message = reason.message(&self.hpa, &Numbered);
            format!("{name}={holds} {}: {message}", reason.name(&self.hpa))
        };
        self.status.conditions().map(tell).collect()
    }
}

#[test]
fn the_largest_proposal_decides_and_is_named() {
    let metrics = vec![cpu(ResourceTarget::Utilization(50)), queue_length(1000)];
    let mut case = Case::new(autoscaler(metrics, Some(TypedBehavior::default().defaulted())));
    let (pods, readings) = pods_of(&[Pod::Uses(80), Pod::Uses(80), Pod::Uses(80)]);
    let synced = case.sync(3, &pods, &[Reading::Pods(&readings), Reading::Series(&[2500, 1000])]);
    assert_eq!(synced.again, AT + SimDuration::from_secs(15));
    let reason = RescaleReason::Above { metric: 0 };
    assert_eq!(synced.rescale, Some(Rescale { from: 3, to: 5, reason }));
    assert_eq!(case.status.desired_replicas, 0);
    assert_eq!(
        case.settle(synced.rescale.unwrap(), Ok(())),
        "Normal SuccessfulRescale: New size: 5; reason: cpu resource utilization (percentage of \
         request) above target"
    );
    assert_eq!(
        case.conditions(),
        [
            "AbleToScale=true SucceededRescale: the HPA controller was able to update the target \
             scale to 5",
            "ScalingActive=true ValidMetricFound: the HPA was able to successfully calculate a \
             replica count from cpu resource utilization (percentage of request)",
            "ScalingLimited=false DesiredWithinRange: the desired count is within the acceptable \
             range",
        ]
    );
    let measured = [
        Some(Measured::Utilization { percent: 80, average_milli: 80 }),
        Some(Measured::AverageMilli(1167)),
    ];
    assert_eq!(case.status.measured, measured);
    assert_eq!((case.status.current_replicas, case.status.desired_replicas), (3, 5));
    assert_eq!(case.status.last_scale, Some(AT));
}

#[test]
fn a_metric_that_says_nothing_forbids_to_scale_down_only() {
    let metrics = vec![queue_length(1000), cpu(ResourceTarget::Utilization(50))];
    let mut case = Case::new(autoscaler(metrics, Some(TypedBehavior::default().defaulted())));
    let (pods, _) = pods_of(&[Pod::Missing, Pod::Missing]);
    let silent = Reading::Unavailable("the server is currently unable to handle the request");
    let up = case.sync(2, &pods, &[Reading::Series(&[9000]), silent]);
    assert_eq!(up.rescale.map(|rescale| rescale.to), Some(6));
    let why = "failed to get cpu utilization: unable to get metrics for resource cpu: the server \
               is currently unable to handle the request";
    assert_eq!(case.told(&up.events), [format!("FailedGetResourceMetric: {why}")]);
    assert_eq!(case.status.measured, [Some(Measured::AverageMilli(4500)), None]);

    let down = case.sync(2, &pods, &[Reading::Series(&[1000]), silent]);
    assert_eq!(down.rescale, None);
    let first = format!("first error is: failed to get cpu resource metric value: {why}");
    assert_eq!(
        case.told(&down.events)[1],
        format!("FailedComputeMetricsReplicas: invalid metrics (1 invalid out of 2), {first}")
    );
    assert_eq!(
        case.conditions()[..2],
        [
            "AbleToScale=true SucceededGetScale: the HPA controller was able to get the target's \
             current scale",
            &format!(
                "ScalingActive=false FailedGetResourceMetric: the HPA was unable to compute the \
                 replica count: {why}"
            ),
        ]
    );
}

#[test]
fn errors_of_every_kind_of_metric() {
    let metric = || MetricName { name: "hits".into(), selector: Some("&LabelSelector{}".into()) };
    let object = |target| {
        let (kind, object) = ("Service".into(), "front".into());
        MetricSource::Object { kind, object, metric: metric(), target }
    };
    let external = |target| MetricSource::External { metric: metric(), target };
    let (total, average) = (ValueTarget::Milli(1), ValueTarget::AverageMilli(1));
    let container = MetricSource::ContainerResource {
        resource: ScaledResource::Memory,
        container: "app".into(),
        target: ResourceTarget::AverageMilli(1),
    };
    for (source, label, told) in [
        (
            container,
            "memory resource",
            "failed to get app container metric value: failed to get memory usage: unable to get \
             metrics for resource memory: gone",
        ),
        (
            MetricSource::Pods { metric: metric(), average_milli: 1 },
            "pods metric hits",
            "failed to get pods metric value: unable to get metric hits: gone",
        ),
        (
            object(total),
            "Service metric hits",
            "failed to get object metric value: unable to get metric hits: gone on Service \
             shop/front",
        ),
        (
            object(average),
            "external metric hits(&LabelSelector{})",
            "failed to get object metric value: failed to get hits object metric: unable to get \
             metric hits: gone on Service shop/front",
        ),
        (
            external(total),
            "external metric hits(&LabelSelector{})",
            "failed to get hits external metric value: failed to get external metric hits: unable \
             to get external metric shop/hits/&LabelSelector{}: gone",
        ),
        (
            external(average),
            "external metric hits(&LabelSelector{})",
            "failed to get hits external metric value: failed to get hits external metric: unable \
             to get external metric shop/hits/&LabelSelector{}: gone",
        ),
    ] {
        assert_eq!(source.label(), label);
        let mut case = Case::new(autoscaler(vec![source], None));
        let synced = case.sync(3, &[], &[Reading::Unavailable("gone")]);
        assert_eq!(synced.rescale, None);
        let first = format!("invalid metrics (1 invalid out of 1), first error is: {told}");
        assert_eq!(case.told(&synced.events)[1], format!("FailedComputeMetricsReplicas: {first}"));
    }
}

#[test]
fn containers_without_a_request_have_no_utilization() {
    let mut case = Case::new(autoscaler(vec![cpu(ResourceTarget::Utilization(50))], None));
    let (pods, mut readings) = pods_of(&[Pod::Uses(80), Pod::Failed]);
    for (request, told) in [
        (
            PodRequest::of([Some(1), None]),
            "missing request for cpu in container proxy of Pod web-1",
        ),
        (PodRequest::Missing { container: None }, "missing pod-level request for cpu in Pod web-1"),
    ] {
        readings[1].request = request;
        let synced = case.sync(2, &pods, &[Reading::Pods(&readings)]);
        let told = format!("FailedGetResourceMetric: failed to get cpu utilization: {told}");
        assert_eq!(case.told(&synced.events)[0], told);
    }
    readings.iter_mut().for_each(|reading| reading.request = PodRequest::of([]));
    let synced = case.sync(2, &pods, &[Reading::Pods(&readings)]);
    assert_eq!(
        case.told(&synced.events)[0],
        "FailedGetResourceMetric: failed to get cpu utilization: no metrics returned matched known \
         pods"
    );
}

#[test]
fn replicas_outside_the_bounds_are_brought_back_without_metrics() {
    let mut case = Case::new(autoscaler(vec![queue_length(1000)], None));
    case.hpa.min_replicas = 3;
    case.hpa.max_replicas = 6;
    for (replicas, to, told) in [
        (9, Some(6), "New size: 6; reason: Current number of replicas above Spec.MaxReplicas"),
        (2, Some(3), "New size: 3; reason: Current number of replicas below Spec.MinReplicas"),
        (0, None, ""),
    ] {
        let synced = case.sync(replicas, &[], &[Reading::Unavailable("not asked")]);
        assert_eq!(synced.rescale.map(|rescale| rescale.to), to, "{replicas}");
        assert_eq!(synced.events, []);
        if let Some(rescale) = synced.rescale {
            let event = case.settle(rescale, Ok(()));
            assert_eq!(event, format!("Normal SuccessfulRescale: {told}"));
        }
    }
    assert_eq!(
        case.conditions()[1],
        "ScalingActive=false ScalingDisabled: scaling is disabled since the replica count of the \
         target is zero"
    );
}

#[test]
fn a_scale_that_cannot_be_read_or_written_changes_nothing() {
    let behavior = Some(TypedBehavior::default().defaulted());
    let mut case = Case::new(autoscaler(vec![queue_length(1000)], behavior));
    let synced = case.sync(2, &[], &[Reading::Series(&[9000])]);
    let before = case.memory.clone();
    let told = case.settle(synced.rescale.unwrap(), Err("conflict"));
    assert_eq!(
        told,
        "Warning FailedRescale: New size: 6; reason: external metric queue(nil) above target; \
         error: conflict"
    );
    assert_eq!(case.memory, before);
    assert_eq!((case.status.desired_replicas, case.status.last_scale), (0, None));
    let told = "the HPA controller was unable to update the target scale: conflict";
    assert_eq!(case.conditions()[0], format!("AbleToScale=false FailedUpdateScale: {told}"));

    let since = case.status.able_to_scale.unwrap().since;
    let seen = Observed { scale: Err("not found"), pods: &[], readings: &[] };
    let later = AT + SimDuration::from_secs(15);
    let Case { hpa, status, memory } = &mut case;
    let synced = sync(hpa, &Settings::default(), &seen, status, memory, later);
    assert_eq!(synced.events, [HpaEvent::FailedGetScale("not found")]);
    let told = "the HPA controller was unable to get the target's current scale: not found";
    assert_eq!(case.conditions()[0], format!("AbleToScale=false FailedGetScale: {told}"));
    // It was False before: the transition was then.
    assert_eq!(case.status.able_to_scale.unwrap().since, since);
}

#[test]
fn a_new_process_has_forgotten_higher_recommendations() {
    let mut case = Case::new(autoscaler(vec![queue_length(1000)], None));
    assert_eq!(case.sync(8, &[], &[Reading::Series(&[20_000])]).rescale.unwrap().to, 16);
    // Somebody scales by hand; the recommendation of 20 is still known.
    let synced = case.sync(8, &[], &[Reading::Series(&[8000])]);
    let rescale = synced.rescale.unwrap();
    assert_eq!(case.settle(rescale, Ok(())), "Normal SuccessfulRescale: New size: 16; reason: ");
    case.memory = Memory::default();
    assert_eq!(case.sync(8, &[], &[Reading::Series(&[2000])]).rescale, None);
    assert_eq!(
        case.conditions()[0],
        "AbleToScale=true ScaleDownStabilized: recent recommendations were higher than current \
         one, applying the highest recent recommendation"
    );
}
