//! Vectors of the Deployment controller.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::read;
use crate::base::release::Release;
use crate::base::time::{SimDuration, SimTime};
use crate::controllers::deployment::{
    DeploymentChange, DeploymentFacts, Look, NewDeployment, Rolled, SetFacts, SetWrite,
    StrategyBounds, annotated, deployment_history, resize, rollout_step,
};
use crate::model::{DeploymentStrategy, IntOrPercent, TemplateId};
use crate::scenario::compile::int_or_percent;
use crate::state::{Availability, DeploymentStatus, Progressing, ReplicaSetStatus};

/// The release that was recorded.
const RECORDED: Release = Release::V1_29;

/// `spec.strategy.rollingUpdate`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rolling {
    max_surge: IntOrString,
    max_unavailable: IntOrString,
}

impl Rolling {
    fn bounds(&self) -> Result<(IntOrPercent, IntOrPercent), String> {
        let read = |value| int_or_percent(value).ok_or("not a number nor a percentage");
        Ok((read(&self.max_surge)?, read(&self.max_unavailable)?))
    }

    fn strategy(&self) -> Result<DeploymentStrategy, String> {
        let (max_surge, max_unavailable) = self.bounds()?;
        Ok(DeploymentStrategy::RollingUpdate { max_surge, max_unavailable })
    }
}

/// The bounds of a rolling update.
pub(super) fn fenceposts(input: &Value) -> Result<Value, String> {
    let rolling: Rolling = read(input)?;
    let replicas: i32 = read(&input["replicas"])?;
    let (surge, unavailable) = rolling.bounds()?;
    let posts = StrategyBounds::fenceposts(surge, unavailable, replicas);
    let used = StrategyBounds::resolve(surge, unavailable, replicas);
    Ok(json!({
        "surge": posts.surge,
        "unavailable": posts.unavailable,
        "maxSurge": used.surge,
        "maxUnavailable": used.unavailable,
        "minAvailable": used.min_available(replicas),
    }))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Set {
    name: String,
    created: u64,
    replicas: i32,
    status_replicas: i32,
    ready_replicas: i32,
    available_replicas: i32,
    desired_replicas_annotation: Option<String>,
    max_replicas_annotation: Option<String>,
}

impl Set {
    fn facts(&self, template: TemplateId) -> SetFacts {
        SetFacts {
            template,
            replicas: self.replicas,
            status: ReplicaSetStatus {
                replicas: self.status_replicas,
                ready: self.ready_replicas,
                available: self.available_replicas,
            },
            created: SimTime::from_secs(self.created),
            revision: 0,
            desired: self.desired_replicas_annotation.as_deref().and_then(annotated),
            max: self.max_replicas_annotation.as_deref().and_then(annotated),
            has_pods: false,
        }
    }
}

/// Sets of names in order, each of a template of its own.
fn facts(sets: &mut [Set]) -> Vec<SetFacts> {
    sets.sort_by(|a, b| a.name.cmp(&b.name));
    let templates = (0..).map(TemplateId::from_raw);
    sets.iter().zip(templates).map(|(set, template)| set.facts(template)).collect()
}

/// A Deployment with the template of the set that has this name.
fn deployment(input: &Value, sets: &[Set], new: &str) -> Result<DeploymentFacts, String> {
    let place = sets.iter().position(|set| set.name == new);
    let status_replicas: Option<i32> = read(&input["deploymentStatusReplicas"])?;
    let status = DeploymentStatus {
        replicas: status_replicas.unwrap_or_default(),
        ..DeploymentStatus::default()
    };
    Ok(DeploymentFacts {
        replicas: read(&input["replicas"])?,
        template: TemplateId::from_index(place.unwrap_or(sets.len())),
        strategy: read::<Rolling>(input)?.strategy()?,
        progress_deadline: None,
        revision_history_limit: None,
        paused: false,
        generation: 1,
        revision: 0,
        status,
    })
}

/// One pass of a rolling update.
pub(super) fn rolling_step(input: &Value) -> Result<Value, String> {
    let new: Set = read(&input["newRS"])?;
    let mut sets: Vec<Set> = read(&input["oldRSs"])?;
    let name = new.name.clone();
    sets.push(new);
    let facts = facts(&mut sets);
    let (rolled, writes) = rollout_step(&deployment(input, &sets, &name)?, &facts);
    let scaled: &[&str] = match rolled {
        Rolled::Nothing => &[],
        Rolled::New => &["new"],
        Rolled::Old => &["old"],
    };
    apply(&mut sets, &writes);
    Ok(json!({"replicasAfter": sizes(&sets), "scaled": scaled}))
}

/// The scaling of a Deployment that was resized.
pub(super) fn proportional_scale(input: &Value) -> Result<Value, String> {
    let mut sets: Vec<Set> = read(&input["replicaSets"])?;
    let facts = facts(&mut sets);
    let new: String = read(&input["newRS"])?;
    let writes = resize(&deployment(input, &sets, &new)?, &facts);
    apply(&mut sets, &writes);
    let noted = sets.iter().map(|set| {
        let text = |annotation: &Option<String>| annotation.clone().unwrap_or_default();
        let desired = text(&set.desired_replicas_annotation);
        let max = text(&set.max_replicas_annotation);
        (set.name.clone(), json!(format!("{desired}/{max}")))
    });
    let noted: Map<String, Value> = noted.collect();
    Ok(json!({"replicasAfter": sizes(&sets), "desiredMaxAnnotationsAfter": noted}))
}

fn apply(sets: &mut [Set], writes: &[SetWrite]) {
    for write in writes {
        if let SetWrite::Scale { set, to, annotations: (desired, max), .. } = *write {
            sets[set].replicas = to;
            sets[set].desired_replicas_annotation = Some(desired.to_string());
            sets[set].max_replicas_annotation = Some(max.to_string());
        }
    }
}

fn sizes(sets: &[Set]) -> Map<String, Value> {
    sets.iter().map(|set| (set.name.clone(), json!(set.replicas))).collect()
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Traced {
    replicas: i32,
    strategy: Strategy,
    progress_deadline_seconds: u64,
    revision_history_limit: i32,
    events: Vec<Event>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Strategy {
    rolling_update: Option<Rolling>,
}

#[derive(Debug, Deserialize)]
struct Event {
    t: u64,
    #[serde(flatten)]
    change: Change,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "op", rename_all = "camelCase", rename_all_fields = "camelCase")]
enum Change {
    Create,
    Resync,
    TerminatingPodsGone,
    SetImage { image: String },
    Scale { replicas: i32 },
    SetPaused { paused: bool },
    RsStatus { rs: String, ready_replicas: i32, available_replicas: i32 },
}

/// Names of ReplicaSets, a template each.
struct Names(Vec<String>);

impl Names {
    fn template(&mut self, name: &str) -> TemplateId {
        let known = self.0.iter().position(|known| *known == name);
        TemplateId::from_index(known.unwrap_or_else(|| {
            self.0.push(name.to_owned());
            self.0.iter().position(|known| *known == name).unwrap_or_default()
        }))
    }

    fn change(&mut self, change: &Change) -> DeploymentChange {
        match change {
            Change::Create | Change::Resync => DeploymentChange::Nothing,
            Change::TerminatingPodsGone => DeploymentChange::Gone,
            Change::SetImage { image } => {
                DeploymentChange::Template(self.template(&format!("rs-{image}")))
            }
            Change::Scale { replicas } => DeploymentChange::Replicas(*replicas),
            Change::SetPaused { paused } => DeploymentChange::Paused(*paused),
            Change::RsStatus { rs, ready_replicas, available_replicas } => DeploymentChange::Pods {
                template: self.template(rs),
                ready: *ready_replicas,
                available: *available_replicas,
            },
        }
    }

    fn look(&self, look: &Look) -> Value {
        let name = |template: TemplateId| &self.0[template.index()];
        let events = look.scaled.iter().filter_map(|(template, write)| {
            let message = write.event(RECORDED, name(*template))?;
            Some(format!("Normal ScalingReplicaSet {message}"))
        });
        let number =
            |annotation: Option<i32>| annotation.map(|n| n.to_string()).unwrap_or_default();
        let sets = look.sets.iter().map(|set| {
            let (desired, max) = (number(set.desired), number(set.max));
            let view = json!({
                "desiredMax": format!("{desired}/{max}"),
                "replicas": set.replicas,
                "revision": set.revision.to_string(),
            });
            (name(set.template).clone(), view)
        });
        json!({
            "events": events.collect::<Vec<String>>(),
            "replicaSets": sets.collect::<Map<String, Value>>(),
        })
    }
}

/// A Deployment's history.
pub(super) fn rollout(input: &Value) -> Result<Value, String> {
    let input: Traced = read(input)?;
    let mut names = Names(Vec::new());
    let strategy = input.strategy.rolling_update.as_ref().map(Rolling::strategy).transpose()?;
    let new = NewDeployment {
        replicas: input.replicas,
        template: names.template("rs-v1"),
        strategy: strategy.unwrap_or(DeploymentStrategy::Recreate),
        progress_deadline: Some(SimDuration::from_secs(input.progress_deadline_seconds)),
        revision_history_limit: Some(input.revision_history_limit),
    };
    let events = input.events.iter();
    let changes: Vec<(SimTime, DeploymentChange)> =
        events.map(|event| (SimTime::from_secs(event.t), names.change(&event.change))).collect();
    let results = deployment_history(&new, &changes).into_iter().map(|settled| {
        let looks = settled.looks.iter().map(|look| names.look(look));
        json!({"status": status(&settled.status), "syncs": looks.collect::<Vec<Value>>()})
    });
    Ok(json!({"results": results.collect::<Vec<Value>>()}))
}

fn status(status: &DeploymentStatus) -> Value {
    let mut conditions = Map::new();
    if let Some(condition) = &status.availability {
        conditions.insert("Available".to_owned(), availability(condition));
    }
    if let Some(condition) = &status.progressing {
        conditions.insert("Progressing".to_owned(), progressing(condition));
    }
    json!({
        "availableReplicas": status.available,
        "conditions": conditions,
        "observedGeneration": status.observed_generation,
        "readyReplicas": status.ready,
        "replicas": status.replicas,
        "unavailableReplicas": status.unavailable,
        "updatedReplicas": status.updated,
    })
}

fn availability(condition: &Availability) -> Value {
    json!({
        "lastTransition": condition.since,
        "lastUpdate": condition.updated,
        "reason": condition.reason(),
        "status": condition.status().name(),
    })
}

fn progressing(condition: &Progressing) -> Value {
    json!({
        "lastTransition": condition.since,
        "lastUpdate": condition.updated,
        "reason": condition.reason.name(),
        "status": condition.reason.status().name(),
    })
}
