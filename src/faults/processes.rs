//! Processes of nodes that are down while their machines run: kubelets, container runtimes and
//! kube-proxies.
//!
//! Here belong the causes; what a node does without them is the kubelets' business.

use super::reach::refresh_heartbeat;
use crate::cx::Cx;
use crate::event::{Event, KubeletEvent, ProxyEvent};
use crate::model::NodeId;
use crate::record::Fact;
use crate::rng::StreamKind;

/// One cause more that keeps kubelets down.
pub(super) fn stop_kubelets(cx: &mut Cx<'_>, nodes: &[NodeId]) {
    for &node in nodes {
        let truth = &mut cx.state.truth.nodes[node];
        let reached = truth.reaches_api();
        truth.kubelet_stops += 1;
        if reached {
            cx.fact(Fact::NodeConnected { node, connected: false });
        }
        cx.at(cx.now, Event::Kubelet(KubeletEvent::Stopped { node }));
        refresh_heartbeat(cx, node);
    }
}

/// One cause less: a kubelet starts when none is left, unless its machine is down or it does not
/// reach the API server. Then it starts with that.
pub(super) fn start_kubelets(cx: &mut Cx<'_>, nodes: &[NodeId]) {
    for &node in nodes {
        let truth = &mut cx.state.truth.nodes[node];
        truth.kubelet_stops = truth.kubelet_stops.saturating_sub(1);
        if truth.kubelet_stops > 0 || !truth.connected {
            continue;
        }
        let up = truth.up;
        cx.fact(Fact::NodeConnected { node, connected: true });
        if up {
            cx.at(cx.now, Event::Kubelet(KubeletEvent::Started { node }));
        }
        refresh_heartbeat(cx, node);
    }
}

/// One cause more that keeps container runtimes down.
pub(super) fn stop_runtimes(cx: &mut Cx<'_>, nodes: &[NodeId]) {
    for &node in nodes {
        let truth = &mut cx.state.truth.nodes[node];
        truth.runtime_stops += 1;
        if truth.runtime_stops == 1 {
            cx.at(cx.now, Event::Kubelet(KubeletEvent::RuntimeLost { node }));
        }
    }
}

/// One cause less.
pub(super) fn start_runtimes(cx: &mut Cx<'_>, nodes: &[NodeId]) {
    for &node in nodes {
        let truth = &mut cx.state.truth.nodes[node];
        truth.runtime_stops = truth.runtime_stops.saturating_sub(1);
        if truth.runtime_stops == 0 {
            cx.at(cx.now, Event::Kubelet(KubeletEvent::RuntimeBack { node }));
        }
    }
}

/// One cause more that keeps kube-proxies down, or from the API server.
pub(super) fn stop_proxies(cx: &mut Cx<'_>, nodes: &[NodeId]) {
    if cx.model.services.is_empty() {
        return;
    }
    for &node in nodes {
        let truth = &mut cx.state.truth.nodes[node];
        truth.proxy_stops += 1;
        truth.proxy_epoch += 1;
        if truth.proxy_stops == 1 {
            cx.fact(Fact::ProxySyncs { node, syncs: false });
        }
    }
}

/// One cause less: a proxy for which none is left lists everything and writes its rules anew.
pub(super) fn start_proxies(cx: &mut Cx<'_>, nodes: &[NodeId]) {
    for &node in nodes {
        let truth = &mut cx.state.truth.nodes[node];
        truth.proxy_stops = truth.proxy_stops.saturating_sub(1);
        if truth.proxy_stops > 0 || cx.model.services.is_empty() {
            continue;
        }
        let epoch = truth.proxy_epoch;
        let mut stream = cx.streams.stream(StreamKind::ProxyList, cx.model.nodes[node].address);
        stream.seek(u64::from(epoch));
        let relist = cx.model.control_plane.relist_s.sample_duration(&mut stream);
        cx.after(relist, Event::Proxy(ProxyEvent::Listed { node, epoch }));
    }
}
