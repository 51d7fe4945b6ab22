//! What an endpoint says of its pod: whether traffic goes there.
//!
//! Kubernetes-behaviour §3.10. Nothing is known here of slices or of Services but their names.

use crate::state::Phase;

/// What decides about a pod's endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndpointPod {
    /// Phase.
    pub phase: Phase,
    /// It has an IP address.
    pub has_ip: bool,
    /// Its `Ready` condition is True.
    pub ready: bool,
    /// It is being deleted.
    pub terminating: bool,
}

/// Conditions of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndpointConditions {
    /// Traffic goes there.
    pub ready: bool,
    /// It could serve traffic: ready, whether it is going or not.
    pub serving: bool,
    /// Its pod is being deleted.
    pub terminating: bool,
}

/// The endpoint of a pod, if it is in its Service's slices at all.
#[must_use]
pub fn endpoint(pod: EndpointPod, publish_not_ready: bool) -> Option<EndpointConditions> {
    if pod.phase.is_terminal() || !pod.has_ip {
        return None;
    }
    let (serving, terminating) = (pod.ready, pod.terminating);
    let ready = publish_not_ready || (serving && !terminating);
    Some(EndpointConditions { ready, serving, terminating })
}

/// The host name of an endpoint: the pod's own, if its subdomain is the Service.
#[must_use]
pub fn endpoint_hostname<'a>(hostname: &'a str, subdomain: &str, service: &str) -> &'a str {
    if subdomain == service { hostname } else { "" }
}
