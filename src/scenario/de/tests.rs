//! Tests of reading Kubernetes types from located trees.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;

use super::*;
use crate::base::diag::SourceMap;
use crate::scenario::source::{Limits, parse_all};

fn load<T: for<'de> Deserialize<'de>>(text: &str) -> (Option<T>, Vec<String>) {
    let mut sources = SourceMap::new();
    let file = sources.add("t.yaml", text);
    let mut found = Diagnostics::new();
    let documents = parse_all((file, text), &Limits::OURS, Rules::Strict, &mut found);
    let value = read(&documents[0].root, "", Rules::Strict, &mut found);
    let lines = found
        .sorted()
        .iter()
        .map(|d| {
            let span = d.span.unwrap();
            let help = d.help.as_deref().unwrap_or("-");
            format!("{} {}:{} {} | {} | {help}", d.code, span.line, span.column, d.path, d.message)
        })
        .collect();
    (value, lines)
}

#[test]
fn all_mistakes_of_an_object_come_at_once() {
    let text = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: a, labels: {version: 1.10}}
spec:
  replicas: \"3\"
  template:
    spec:
      containers:
        - name: main
          image: 5
          livenesProbe: {}
          ports: {containerPort: 80}
          resources: {requests: {cpu: 0.5, memory: 1Gi}}
        - 7
      hostNetwork: yes
";
    let (value, found) = load::<Deployment>(text);
    insta::assert_snapshot!(found.join("\n"), @r#"
    E021 3:39 metadata.labels.version | expected a text, found the number 1.10 | write it in quotes: "1.10"
    E021 5:13 spec.replicas | expected a whole number, found the text "3" | remove the quotes: 3
    E021 10:18 spec.template.spec.containers[0].image | expected a text, found the number 5 | write it in quotes: "5"
    E020 11:11 spec.template.spec.containers[0].livenesProbe | unknown field "livenesProbe" | did you mean "livenessProbe"?
    E021 12:18 spec.template.spec.containers[0].ports | expected a list, found a mapping | a list's elements start with "- "
    E021 14:11 spec.template.spec.containers[1] | expected a mapping (Container), found the number 7 | -
    E021 15:20 spec.template.spec.hostNetwork | expected true or false, found the text "yes" | write true, without quotes
    "#);
    let containers = value.unwrap().spec.unwrap().template.spec.unwrap().containers;
    assert_eq!(containers.len(), 1);
    let requests = containers[0].resources.clone().unwrap().requests.unwrap();
    assert_eq!(requests["cpu"].0, "0.5");
}

#[test]
fn numbers_are_offered_as_the_source_writes_them() {
    let text = "\
apiVersion: v1
kind: Pod
metadata: {name: a}
spec:
  volumes: [{name: c, configMap: {name: x, defaultMode: 0755}}]
  containers:
    - name: main
      resources: {requests: {cpu: 1, memory: 1e9}, limits: {cpu: 0.1}}
      livenessProbe: {tcpSocket: {port: http}, periodSeconds: 1e1}
";
    let (value, found) = load::<Pod>(text);
    assert_eq!(found, Vec::<String>::new());
    let spec = value.unwrap().spec.unwrap();
    let resources = spec.containers[0].resources.clone().unwrap();
    assert_eq!(resources.requests.clone().unwrap()["cpu"].0, "1");
    assert_eq!(resources.requests.unwrap()["memory"].0, "1e9");
    assert_eq!(resources.limits.unwrap()["cpu"].0, "0.1");
    assert_eq!(spec.volumes.unwrap()[0].config_map.clone().unwrap().default_mode, Some(493));
    assert_eq!(spec.containers[0].liveness_probe.clone().unwrap().period_seconds, Some(10));
}

#[test]
fn a_value_that_is_no_mapping_at_all_is_reported() {
    let (value, found) = load::<Pod>("[1, 2]\n");
    assert!(value.is_none());
    assert_eq!(found.len(), 1);
}
