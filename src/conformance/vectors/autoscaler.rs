//! Vectors of the HorizontalPodAutoscaler's replica calculator and of whole sequences.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Number, Value, json};

use super::nodes::milli;
use super::{read, services};
use crate::base::time::{SimDuration, SimTime};
use crate::controllers::horizontal_pod_autoscaler::{
    Autoscaler, Behavior, Measured, MetricName, MetricSource, NOW, Names, PodGroup, PodReading,
    PodRequest, Readiness, Reading, Release, ResourceTarget, Rules, Sample, Scale, ScaledPod,
    ScaledResource, ScalingPolicy, SelectPolicy, SequenceStep, Settings, Step, StepTaken,
    TypedBehavior, TypedRules, ValueTarget, moment, pod_groups, propose, sequence,
};
use crate::model::PodId;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Calculation {
    kind: Kind,
    resource: Option<String>,
    target_utilization: Option<i32>,
    target_milli: Option<i64>,
    metric_milli: Option<i64>,
    current_replicas: i32,
    pods: Option<Vec<Pod>>,
    #[serde(default)]
    metrics: BTreeMap<String, Metric>,
    tolerance: Number,
    cpu_initialization_period: u64,
    initial_readiness_delay: u64,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Kind {
    ResourceUtilization,
    ResourceAverageValue,
    PodsMetric,
    ObjectValue,
    ObjectAverageValue,
    ExternalValue,
    ExternalAverageValue,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pod {
    name: String,
    phase: String,
    terminating: bool,
    ready_condition: String,
    ready_transition: Option<Number>,
    start_time: Option<Number>,
    container_requests_milli: Vec<Option<i64>>,
    sidecar_requests_milli: Vec<Option<i64>>,
}

#[derive(Debug, Deserialize)]
struct Metric {
    value: i64,
    timestamp: Number,
    window: u64,
}

/// Pods by place, their containers `c0`, `c1`, ….
struct PodNames<'a>(&'a [Pod]);

impl Names for PodNames<'_> {
    fn pod(&self, pod: PodId) -> String {
        self.0[pod.index()].name.clone()
    }

    fn container(&self, _pod: PodId, place: u16) -> String {
        format!("c{place}")
    }
}

/// The moment of a whole number of seconds, be it written `-0.0`.
fn moment_of(seconds: &Number) -> Result<SimTime, String> {
    let text = seconds.to_string();
    let whole = text.strip_suffix(".0").unwrap_or(&text).parse();
    whole.map(moment).map_err(|_| format!("{seconds} is no whole number of seconds"))
}

fn settings(tolerance: &Number) -> Result<Settings, String> {
    let tolerance_milli = u32::try_from(milli(tolerance)?).map_err(|error| error.to_string())?;
    Ok(Settings { release: Release::V1_29, tolerance_milli, ..Settings::default() })
}

fn metric_name() -> MetricName {
    MetricName::plain("m")
}

impl Calculation {
    fn settings(&self) -> Result<Settings, String> {
        Ok(Settings {
            cpu_initialization_period: SimDuration::from_secs(self.cpu_initialization_period),
            initial_readiness_delay: SimDuration::from_secs(self.initial_readiness_delay),
            ..settings(&self.tolerance)?
        })
    }

    fn resource(&self) -> ScaledResource {
        match self.resource.as_deref() {
            None | Some("cpu") => ScaledResource::Cpu,
            Some("memory") => ScaledResource::Memory,
            Some(other) => ScaledResource::Other(other.into()),
        }
    }

    fn source(&self) -> Result<MetricSource, String> {
        let average_milli = self.target_milli.unwrap_or_default();
        let (total, average) =
            (ValueTarget::Milli(average_milli), ValueTarget::AverageMilli(average_milli));
        let object = |target| {
            let (kind, object) = ("Service".into(), "o".into());
            MetricSource::Object { kind, object, metric: metric_name(), target }
        };
        let external = |target| MetricSource::External { metric: metric_name(), target };
        Ok(match self.kind {
            Kind::ResourceUtilization => {
                let percent = self.target_utilization.ok_or("no target")?;
                let target = ResourceTarget::Utilization(percent);
                MetricSource::Resource { resource: self.resource(), target }
            }
            Kind::ResourceAverageValue => {
                let target = ResourceTarget::AverageMilli(average_milli);
                MetricSource::Resource { resource: self.resource(), target }
            }
            Kind::PodsMetric => MetricSource::Pods { metric: metric_name(), average_milli },
            Kind::ObjectValue => object(total),
            Kind::ObjectAverageValue => object(average),
            Kind::ExternalValue => external(total),
            Kind::ExternalAverageValue => external(average),
        })
    }
}

impl Pod {
    fn facts(&self, at: usize) -> Result<ScaledPod, String> {
        let since = self.ready_transition.as_ref().map(moment_of).transpose()?;
        let ready = self.ready_condition == "True";
        Ok(ScaledPod {
            pod: PodId::from_index(at),
            phase: services::phase(&self.phase)?,
            terminating: self.terminating,
            readiness: since.map(|since| Readiness { ready, since }),
            started: self.start_time.as_ref().map(moment_of).transpose()?,
        })
    }

    fn reading(&self, metrics: &BTreeMap<String, Metric>) -> Result<PodReading, String> {
        let sample = metrics.get(&self.name).map(Metric::sample).transpose()?;
        let counted = self.container_requests_milli.iter().chain(&self.sidecar_requests_milli);
        Ok(PodReading { sample, request: PodRequest::of(counted.copied()) })
    }
}

impl Metric {
    fn sample(&self) -> Result<Sample, String> {
        let window = SimDuration::from_secs(self.window);
        Ok(Sample { milli: self.value, taken: moment_of(&self.timestamp)?, window })
    }
}

/// What one metric asks for.
pub(super) fn calculation(input: &Value) -> Result<Value, String> {
    let input: Calculation = read(input)?;
    let (settings, source) = (input.settings()?, input.source()?);
    let given = input.pods.as_deref().unwrap_or_default();
    let pods: Result<Vec<ScaledPod>, String> =
        given.iter().enumerate().map(|(at, pod)| pod.facts(at)).collect();
    let pods = pods?;
    let readings: Result<Vec<PodReading>, String> =
        given.iter().map(|pod| pod.reading(&input.metrics)).collect();
    let readings = readings?;
    let value = input.metric_milli.unwrap_or_default();
    let series = [value];
    let (reading, of_pods) = match source {
        MetricSource::Resource { .. }
        | MetricSource::ContainerResource { .. }
        | MetricSource::Pods { .. } => (Reading::Pods(&readings), true),
        MetricSource::Object { .. } => (Reading::Value(value), false),
        MetricSource::External { .. } => (Reading::Series(&series), false),
    };
    let scale = Scale { spec: input.current_replicas, status: input.current_replicas };
    let mut output = match propose(&settings, &source, scale, &pods, reading, NOW) {
        Ok(proposal) => match proposal.measured {
            Measured::Utilization { percent, average_milli } => json!({
                "replicas": proposal.replicas, "utilization": percent, "rawAverage": average_milli,
            }),
            Measured::AverageMilli(usage) | Measured::Milli(usage) => {
                json!({"replicas": proposal.replicas, "usage": usage})
            }
        },
        Err(failure) => {
            let hpa = autoscaler(vec![source.clone()], None, (1, 1));
            json!({"error": failure.text(&hpa, &source, &PodNames(given))})
        }
    };
    if of_pods {
        let resource = matches!(source, MetricSource::Resource { .. }).then(|| input.resource());
        let of_cpu = resource == Some(ScaledResource::Cpu);
        let groups = pod_groups(&settings, &pods, &readings, of_cpu, NOW);
        output["groups"] = groups_by_name(given, &groups);
    }
    Ok(output)
}

fn groups_by_name(given: &[Pod], groups: &[PodGroup]) -> Value {
    let names = |group: PodGroup| -> Vec<&str> {
        let of_group = given.iter().zip(groups).filter(|(_, of_pod)| **of_pod == group);
        let mut names: Vec<&str> = of_group.map(|(pod, _)| &*pod.name).collect();
        names.sort_unstable();
        names
    };
    json!({
        "ready": names(PodGroup::Ready).len(),
        "unready": names(PodGroup::Unready),
        "missing": names(PodGroup::Missing),
        "ignored": names(PodGroup::Ignored),
    })
}

fn autoscaler(
    metrics: Vec<MetricSource>,
    behavior: Option<Behavior>,
    (min_replicas, max_replicas): (i32, i32),
) -> Autoscaler {
    Autoscaler { namespace: "default".into(), min_replicas, max_replicas, metrics, behavior }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sequence {
    behavior: Option<GivenBehavior>,
    downscale_stabilization_window: u64,
    initial_replicas: i32,
    max_replicas: i32,
    min_replicas: i32,
    target_average_value_milli: i64,
    tolerance: Number,
    steps: Vec<GivenStep>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct GivenStep {
    t: Number,
    metric_milli: i64,
    set_replicas: Option<i32>,
    after_step_set_replicas: Option<i32>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct GivenBehavior {
    scale_up: Option<GivenRules>,
    scale_down: Option<GivenRules>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct GivenRules {
    stabilization_window_seconds: Option<u64>,
    select_policy: Option<String>,
    policies: Option<Vec<GivenPolicy>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct GivenPolicy {
    r#type: String,
    value: i32,
    period_seconds: u64,
}

impl GivenRules {
    fn typed(&self) -> Result<TypedRules, String> {
        let select = |name: &String| {
            let known = SelectPolicy::ALL.into_iter().find(|policy| policy.name() == name);
            known.ok_or_else(|| format!("no select policy: {name}"))
        };
        let policies = |given: &Vec<GivenPolicy>| given.iter().map(GivenPolicy::typed).collect();
        Ok(TypedRules {
            window: self.stabilization_window_seconds.map(SimDuration::from_secs),
            select: self.select_policy.as_ref().map(select).transpose()?,
            policies: self.policies.as_ref().map(policies).transpose()?,
        })
    }
}

impl GivenPolicy {
    fn typed(&self) -> Result<ScalingPolicy, String> {
        let step = match &*self.r#type {
            "Pods" => Step::Pods(self.value),
            "Percent" => Step::Percent(self.value),
            other => return Err(format!("no policy type: {other}")),
        };
        Ok(ScalingPolicy { step, period: SimDuration::from_secs(self.period_seconds) })
    }
}

impl GivenStep {
    fn step(&self) -> Result<SequenceStep, String> {
        let at = format!("{}s", self.t).parse().map_err(|_| format!("odd time {}", self.t))?;
        Ok(SequenceStep {
            at,
            metric_milli: self.metric_milli,
            set_before: self.set_replicas,
            set_after: self.after_step_set_replicas,
        })
    }
}

/// A whole sequence of syncs.
pub(super) fn sequences(input: &Value) -> Result<Value, String> {
    let input: Sequence = read(input)?;
    let rules = |given: &Option<GivenRules>| given.as_ref().map(GivenRules::typed).transpose();
    let behavior = match &input.behavior {
        Some(given) => {
            let (up, down) = (rules(&given.scale_up)?, rules(&given.scale_down)?);
            Some(TypedBehavior { up, down }.defaulted())
        }
        None => None,
    };
    let target = ValueTarget::AverageMilli(input.target_average_value_milli);
    let metric = MetricSource::External { metric: metric_name(), target };
    let bounds = (input.min_replicas, input.max_replicas);
    let hpa = autoscaler(vec![metric], behavior, bounds);
    let settings = Settings {
        downscale_stabilization: SimDuration::from_secs(input.downscale_stabilization_window),
        ..settings(&input.tolerance)?
    };
    let steps: Result<Vec<SequenceStep>, String> =
        input.steps.iter().map(GivenStep::step).collect();
    let taken = sequence(&hpa, &settings, input.initial_replicas, &steps?);
    let results: Vec<Value> = taken.iter().map(|taken| step_taken(&hpa, taken)).collect();
    Ok(json!({
        "defaultedBehavior": hpa.behavior.as_ref().map(behavior_object),
        "results": results,
    }))
}

fn step_taken(hpa: &Autoscaler, taken: &StepTaken) -> Value {
    let conditions = taken.status.conditions().map(|(name, condition)| {
        let holds = if condition.holds { "True" } else { "False" };
        (name.to_owned(), json!(format!("{holds}/{}", condition.reason.name(hpa))))
    });
    let conditions: Map<String, Value> = conditions.collect();
    let event = taken.event.map(|event| {
        let message = event.message(hpa, &PodNames(&[]));
        format!("{} {} {message}", event.kind(), event.reason(hpa))
    });
    json!({
        "before": taken.before,
        "recommended": taken.recommended,
        "after": taken.after,
        "conditions": conditions,
        "event": event.unwrap_or_default(),
    })
}

fn behavior_object(behavior: &Behavior) -> Value {
    json!({"scaleUp": rules_object(&behavior.up), "scaleDown": rules_object(&behavior.down)})
}

fn rules_object(rules: &Rules) -> Value {
    let policies = rules.policies.iter().map(|policy| {
        let (name, value) = match policy.step {
            Step::Pods(value) => ("Pods", value),
            Step::Percent(value) => ("Percent", value),
        };
        json!({"type": name, "value": value, "periodSeconds": policy.period})
    });
    let policies: Vec<Value> = policies.collect();
    let mut object = json!({"selectPolicy": rules.select.name(), "policies": policies});
    if let Some(window) = rules.window {
        object["stabilizationWindowSeconds"] = json!(window);
    }
    object
}
