//! Traces of the StatefulSet controller.

use serde::Deserialize;
use serde_json::{Value, json};

use super::read;
use crate::controllers::{
    PodChange, PodManagement, Release, StatefulAction, StatefulChange, StatefulPodView,
    StatefulSpec, StatefulUpdate, StatefulView, stateful_history, stateful_pod_name,
};
use crate::model::TemplateId;

/// The set's name in the recordings.
const SET: &str = "s";

/// The image that it begins with.
const FIRST_IMAGE: &str = "v1";

#[derive(Debug, Deserialize)]
struct Trace {
    spec: Spec,
    events: Vec<Event>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    replicas: u32,
    ordinals_start: u32,
    pod_management_policy: Policy,
    update_strategy: Strategy,
}

#[derive(Debug, Deserialize)]
enum Policy {
    OrderedReady,
    Parallel,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
enum Strategy {
    RollingUpdate { rolling_update: Option<Rolling> },
    OnDelete,
}

#[derive(Debug, Deserialize)]
struct Rolling {
    partition: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "op", rename_all = "camelCase")]
enum Event {
    Create,
    PodReady { pod: String },
    PodRunningUnready { pod: String },
    PodFailed { pod: String },
    PodGone { pod: String },
    PodDeletedByUser { pod: String },
    SetImage { image: String },
    Scale { replicas: u32 },
    SetPartition { partition: u32 },
}

/// Images by template.
struct Images(Vec<String>);

impl Images {
    fn template(&mut self, image: &str) -> TemplateId {
        let known = self.0.iter().position(|known| known == image);
        TemplateId::from_index(known.unwrap_or_else(|| {
            let next = self.0.len();
            self.0.push(image.to_owned());
            next
        }))
    }

    fn of(&self, template: TemplateId) -> &str {
        &self.0[template.index()]
    }
}

fn change(event: &Event, seen: &mut Images) -> Result<StatefulChange, String> {
    let (pod, change) = match event {
        Event::Create => return Ok(StatefulChange::Created),
        Event::SetImage { image } => return Ok(StatefulChange::Template(seen.template(image))),
        Event::Scale { replicas } => return Ok(StatefulChange::Scale(*replicas)),
        Event::SetPartition { partition } => return Ok(StatefulChange::Partition(*partition)),
        Event::PodReady { pod } => (pod, PodChange::Ready),
        Event::PodRunningUnready { pod } => (pod, PodChange::RunningUnready),
        Event::PodFailed { pod } => (pod, PodChange::Failed),
        Event::PodGone { pod } => (pod, PodChange::Gone),
        Event::PodDeletedByUser { pod } => (pod, PodChange::Deleted),
    };
    let ordinal = pod.rsplit_once('-').and_then(|(_, ordinal)| ordinal.parse().ok());
    let ordinal = ordinal.ok_or_else(|| format!("no ordinal: {pod}"))?;
    Ok(StatefulChange::Pod(ordinal, change))
}

fn spec(spec: &Spec) -> StatefulSpec {
    StatefulSpec {
        release: Release::V1_29,
        start: spec.ordinals_start,
        management: match spec.pod_management_policy {
            Policy::OrderedReady => PodManagement::OrderedReady,
            Policy::Parallel => PodManagement::Parallel,
        },
        update: match &spec.update_strategy {
            Strategy::RollingUpdate { rolling_update } => StatefulUpdate::RollingUpdate {
                partition: rolling_update.as_ref().and_then(|rolling| rolling.partition),
            },
            Strategy::OnDelete => StatefulUpdate::OnDelete,
        },
        ..StatefulSpec::of(spec.replicas)
    }
}

/// A set's history: what the controller does after each event.
pub(super) fn trace(input: &Value) -> Result<Value, String> {
    let trace: Trace = read(input)?;
    let mut seen = Images(Vec::new());
    let first = seen.template(FIRST_IMAGE);
    let changes: Result<Vec<StatefulChange>, String> =
        trace.events.iter().map(|event| change(event, &mut seen)).collect();
    let views = stateful_history(spec(&trace.spec), first, &changes?);
    let results: Result<Vec<Value>, String> =
        views.iter().map(|view| result(view, &seen)).collect();
    Ok(json!({"results": results?}))
}

fn result(view: &StatefulView, seen: &Images) -> Result<Value, String> {
    let words = |actions: &Vec<StatefulAction>| {
        actions.iter().map(|action| act(action, seen)).collect::<Result<Vec<_>, _>>()
    };
    let syncs: Result<Vec<Vec<String>>, String> = view.syncs.iter().map(words).collect();
    let status = &view.status;
    Ok(json!({
        "pods": view.pods.iter().map(|one| pod(one, seen)).collect::<Vec<_>>(),
        "status": {
            "availableReplicas": status.available,
            "currentReplicas": status.current,
            "readyReplicas": status.ready,
            "replicas": status.replicas,
            "rolloutComplete": status.current_revision == status.update_revision,
            "updatedReplicas": status.updated,
        },
        "syncs": syncs?,
    }))
}

fn act(action: &StatefulAction, seen: &Images) -> Result<String, String> {
    match action {
        StatefulAction::Create { ordinal, revision } => {
            let name = stateful_pod_name(SET, *ordinal);
            Ok(format!("create {name} {}", seen.of(*revision)))
        }
        StatefulAction::Delete { ordinal, .. } => {
            Ok(format!("delete {}", stateful_pod_name(SET, *ordinal)))
        }
        StatefulAction::CreateClaims { .. } | StatefulAction::OwnClaims { .. } => {
            Err("the recordings have no claims".to_owned())
        }
    }
}

fn pod(pod: &StatefulPodView, seen: &Images) -> String {
    let name = stateful_pod_name(SET, pod.ordinal);
    let (image, phase) = (seen.of(pod.revision), pod.phase.name());
    let ready = if pod.ready { " ready" } else { "" };
    let terminating = if pod.terminating { " terminating" } else { "" };
    format!("{name} {image} {phase}{ready}{terminating}")
}

/// Pods that are created and deleted in parallel are so in no order.
pub(super) fn parallel(input: &Value, output: &mut Value) {
    if input["spec"]["podManagementPolicy"] != "Parallel" {
        return;
    }
    for result in output["results"].as_array_mut().into_iter().flatten() {
        for sync in result["syncs"].as_array_mut().into_iter().flatten() {
            if let Some(actions) = sync.as_array_mut() {
                actions.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
            }
        }
    }
}
