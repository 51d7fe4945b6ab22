//! What the StatefulSet controller tells of its actions, word for word.

use super::{StatefulAction, claim_name, stateful_pod_name};

/// A Kubernetes event about a StatefulSet, of type `Normal` and source `statefulset-controller`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatefulEvent {
    /// `reason`.
    pub reason: &'static str,
    /// `message`.
    pub message: String,
}

fn event(reason: &'static str, message: String) -> StatefulEvent {
    StatefulEvent { reason, message }
}

/// The events of one action that the API server accepted. `claims` are the names of
/// `volumeClaimTemplates`.
#[must_use]
pub fn stateful_events(action: &StatefulAction, set: &str, claims: &[&str]) -> Vec<StatefulEvent> {
    let pod_named = |ordinal| stateful_pod_name(set, ordinal);
    match *action {
        StatefulAction::CreateClaims { ordinal } => {
            let pod = pod_named(ordinal);
            let told = claims.iter().map(|template| {
                let claim = claim_name(template, set, ordinal);
                let text = format!("create Claim {claim} Pod {pod} in StatefulSet {set} success");
                event("SuccessfulCreate", text)
            });
            told.collect()
        }
        StatefulAction::OwnClaims { .. } => Vec::new(),
        StatefulAction::Create { ordinal, .. } => {
            let pod = pod_named(ordinal);
            let text = format!("create Pod {pod} in StatefulSet {set} successful");
            vec![event("SuccessfulCreate", text)]
        }
        StatefulAction::Delete { ordinal, .. } => {
            let pod = pod_named(ordinal);
            let text = format!("delete Pod {pod} in StatefulSet {set} successful");
            vec![event("SuccessfulDelete", text)]
        }
    }
}
