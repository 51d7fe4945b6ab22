//! Tests of kubelets in a world of their own: nodes, pods, and an API server that commits a
//! kubelet's requests after a fixed latency.

mod chance;
mod cluster;
mod configs;
mod down;
mod faults;
mod hooks;
mod oracle;
mod pulling;
mod reboot;
mod timelines;
