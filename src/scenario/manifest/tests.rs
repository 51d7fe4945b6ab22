//! Tests of manifests: kinds, defaults, mistakes.

use super::*;
use crate::base::diag::SourceMap;

/// Reads a text; returns the set, `code line:column path` of each finding, and the help texts.
fn read_all(text: &str, rules: Rules) -> (ManifestSet, Vec<String>, Vec<Option<String>>) {
    let mut sources = SourceMap::new();
    let file = sources.add("t.yaml", text);
    let (mut set, mut found) = (ManifestSet::new(), Diagnostics::new());
    read_text((file, text), rules, &mut set, &mut found);
    let sorted = found.sorted();
    let lines = sorted.iter().map(|d| {
        let span = d.span.unwrap();
        format!("{} {}:{} {}", d.code, span.line, span.column, d.path)
    });
    let lines = lines.collect();
    let helps = sorted.iter().map(|d| d.help.clone()).collect();
    (set, lines, helps)
}

fn deployment(container: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: a}}\nspec:\n  selector: \
         {{matchLabels: {{app: a}}}}\n  template:\n    metadata: {{labels: {{app: a}}}}\n    \
         spec:\n      containers:\n      - name: c\n        {container}\n"
    )
}

fn pod(spec: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec:\n  containers: [{{name: c}}]\n  {spec}\n"
    )
}

fn spread(spec: &str) -> String {
    format!("apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: a}}\nspec:\n{spec}\n")
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn broken_objects_are_located_with_help() {
    const C: &str = "spec.template.spec.containers[0]";
    let template = "  template: {metadata: {labels: {app: a}}, spec: {containers: [{name: c}]}}";
    let selector = "  selector: {matchLabels: {app: a}}";
    let cases: Vec<(&str, String, String)> = vec![
        ("livenesProbe", deployment("livenesProbe: {}"), format!("E020 11:9 {C}.livenesProbe")),
        (
            "cpuu",
            deployment("resources: {requests: {cpuu: 1}}"),
            format!("E048 11:32 {C}.resources.requests.cpuu"),
        ),
        (
            "10Gigs",
            deployment("resources: {requests: {memory: 10Gigs}}"),
            format!("E026 11:40 {C}.resources.requests.memory"),
        ),
        (
            "negative quantity",
            deployment("resources: {requests: {cpu: -1}}"),
            format!("E049 11:37 {C}.resources.requests.cpu"),
        ),
        (
            "request over limit",
            deployment("resources: {requests: {cpu: 2}, limits: {cpu: 500m}}"),
            format!("E047 11:37 {C}.resources.requests.cpu"),
        ),
        ("probe without handler", deployment("livenessProbe: {periodSeconds: 5}"), format!("E043 11:9 {C}.livenessProbe")),
        (
            "two handlers",
            deployment("readinessProbe: {exec: {command: [a]}, tcpSocket: {port: 80}}"),
            format!("E043 11:9 {C}.readinessProbe"),
        ),
        (
            "successThreshold",
            deployment("livenessProbe: {tcpSocket: {port: 80}, successThreshold: 2}"),
            format!("E044 11:66 {C}.livenessProbe.successThreshold"),
        ),
        (
            "negative period",
            deployment("livenessProbe: {tcpSocket: {port: 80}, periodSeconds: -5}"),
            format!("E049 11:63 {C}.livenessProbe.periodSeconds"),
        ),
        (
            "unknown port name",
            deployment("livenessProbe: {httpGet: {port: htp}}\n        ports: [{name: http, containerPort: 80}]"),
            format!("E045 11:41 {C}.livenessProbe.httpGet.port"),
        ),
        (
            "port out of range",
            deployment("ports: [{containerPort: 80000}]"),
            format!("E024 11:33 {C}.ports[0].containerPort"),
        ),
        (
            "pull policy",
            deployment("imagePullPolicy: always"),
            format!("E023 11:26 {C}.imagePullPolicy"),
        ),
        (
            "duplicate container",
            deployment("image: x\n      - name: c"),
            "E046 12:15 spec.template.spec.containers[1].name".to_owned(),
        ),
        ("duplicate key", deployment("image: x\n        image: y"), "E009 12:9 ".to_owned()),
        ("wrong type", spread(&format!("{selector}\n{template}\n  replicas: \"3\"")), "E021 7:13 spec.replicas".to_owned()),
        ("negative replicas", spread(&format!("{selector}\n{template}\n  replicas: -3")), "E049 7:13 spec.replicas".to_owned()),
        (
            "selector mismatch",
            spread(&format!("  selector: {{matchLabels: {{app: b}}}}\n{template}")),
            "E042 5:3 spec.selector".to_owned(),
        ),
        ("no selector", spread(template), "E041 4:1 spec.selector".to_owned()),
        (
            "selector operator",
            spread(&format!("  selector: {{matchExpressions: [{{key: app, operator: Inn, values: [a]}}]}}\n{template}")),
            "E041 5:54 spec.selector.matchExpressions[0].operator".to_owned(),
        ),
        (
            "stuck rollout",
            spread(&format!(
                "{selector}\n{template}\n  strategy: {{rollingUpdate: {{maxSurge: 0, maxUnavailable: 0}}}}"
            )),
            "E050 7:14 spec.strategy.rollingUpdate".to_owned(),
        ),
        (
            "bad percentage",
            spread(&format!("{selector}\n{template}\n  strategy: {{rollingUpdate: {{maxSurge: a lot}}}}")),
            "E024 7:40 spec.strategy.rollingUpdate.maxSurge".to_owned(),
        ),
        (
            "spread maxSkew",
            pod("topologySpreadConstraints: [{maxSkew: 0, topologyKey: z, whenUnsatisfiable: DoNotSchedule}]"),
            "E051 6:41 spec.topologySpreadConstraints[0].maxSkew".to_owned(),
        ),
        (
            "spread word",
            pod("topologySpreadConstraints: [{maxSkew: 1, topologyKey: z, whenUnsatisfiable: DoNotSchedul}]"),
            "E051 6:79 spec.topologySpreadConstraints[0].whenUnsatisfiable".to_owned(),
        ),
        (
            "spread matchLabelKeys",
            pod("topologySpreadConstraints: [{maxSkew: 1, topologyKey: z, whenUnsatisfiable: DoNotSchedule, matchLabelKeys: [a]}]"),
            "E051 6:94 spec.topologySpreadConstraints[0].matchLabelKeys".to_owned(),
        ),
        (
            "two names",
            pod("affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchFields: [{key: metadata.name, operator: In, values: [a, b]}]}]}}}"),
            "E041 6:148 spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchFields[0].values".to_owned(),
        ),
        (
            "another field",
            pod("affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchFields: [{key: spec.x, operator: In, values: [a]}]}]}}}"),
            "E023 6:119 spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchFields[0].key".to_owned(),
        ),
        ("toleration operator", pod("tolerations: [{operator: Exist}]"), "E023 6:28 spec.tolerations[0].operator".to_owned()),
        ("restart policy", pod("restartPolicy: Sometimes"), "E023 6:18 spec.restartPolicy".to_owned()),
        ("label value", pod("nodeSelector: {disk: \"a b\"}"), "E040 6:24 spec.nodeSelector.disk".to_owned()),
        ("label key", pod("nodeSelector: {\"a b\": x}"), "E040 6:18 spec.nodeSelector[\"a b\"]".to_owned()),
        ("name", "apiVersion: v1\nkind: Pod\nmetadata: {name: My_Pod}\nspec: {containers: [{name: c}]}\n".to_owned(), "E040 3:18 metadata.name".to_owned()),
        ("no name", "apiVersion: v1\nkind: Pod\nmetadata: {}\nspec: {containers: [{name: c}]}\n".to_owned(), "E022 3:1 metadata".to_owned()),
        ("no containers", "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {}\n".to_owned(), "E022 4:1 spec".to_owned()),
        ("no kind", "apiVersion: v1\nmetadata: {name: a}\n".to_owned(), "E031 1:1 ".to_owned()),
        ("kind typo", "apiVersion: apps/v1\nkind: Deploymnt\nmetadata: {name: a}\n".to_owned(), "E031 2:7 ".to_owned()),
        ("apiVersion typo", "apiVersion: app/v1\nkind: Deployment\nmetadata: {name: a}\n".to_owned(), "E030 1:13 ".to_owned()),
        ("apiVersion group", "apiVersion: v1\nkind: Deployment\nmetadata: {name: a}\n".to_owned(), "E030 1:13 ".to_owned()),
        (
            "taint effect",
            "apiVersion: v1\nkind: Node\nmetadata: {name: n}\nspec: {taints: [{key: a, effect: NoRun}]}\n".to_owned(),
            "E023 4:34 spec.taints[0].effect".to_owned(),
        ),
        (
            "two different",
            "apiVersion: v1\nkind: Namespace\nmetadata: {name: n}\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: n, labels: {a: b}}\n".to_owned(),
            "E036 7:18 ".to_owned(),
        ),
    ];
    let mut wrong = Vec::new();
    for (name, text, expected) in &cases {
        let (_, found, helps) = read_all(text, Rules::Strict);
        if found != [expected.as_str()] {
            wrong.push(format!("{name}: expected {expected}, found {found:?}"));
        }
        let no_help_due = ["request over limit", "duplicate container", "no containers"];
        if helps.iter().any(Option::is_none) && !no_help_due.contains(name) {
            wrong.push(format!("{name}: no help"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_same_findings_are_warnings_in_plain_manifests() {
    let mut sources = SourceMap::new();
    let text = deployment("livenesProbe: {}");
    let file = sources.add("t.yaml", text.as_str());
    let (mut set, mut found) = (ManifestSet::new(), Diagnostics::new());
    read_text((file, &text), Rules::Lenient, &mut set, &mut found);
    assert_eq!((found.error_count(), found.warning_count()), (0, 1));
    assert_eq!(set.objects.len(), 1);
}

#[test]
fn custom_resources_and_kustomizations_are_notes() {
    let text = "apiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: a}\n\
                ---\napiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n---\n\
                apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: b}\n---\n\
                apiVersion: networking.k8s.io/v1beta1\nkind: Ingress\nmetadata: {name: c}\n";
    let (set, found, _) = read_all(text, Rules::Strict);
    assert_eq!(set.objects.len(), 0);
    assert_eq!(set.skipped.len(), 4);
    assert!(found.iter().all(|f| f.starts_with("N001")), "{found:?}");
}

#[test]
fn lists_unfold_and_identical_objects_count_once() {
    let text = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Namespace\n  metadata: {name: a}\n\
                - apiVersion: v1\n  kind: Namespace\n  metadata: {name: a}\n---\napiVersion: v1\n\
                kind: PodList\nitems:\n- metadata: {name: p}\n  spec: {containers: [{name: c}]}\n";
    let (set, found, _) = read_all(text, Rules::Strict);
    assert_eq!(found, Vec::<String>::new());
    let titles: Vec<String> = set.objects.iter().map(|m| m.object.title()).collect();
    assert_eq!(titles, ["Namespace a", "Pod p"]);
    assert!(set.find("Pod", "default", "p").is_some());
}

#[test]
fn old_api_versions_are_read_with_a_note() {
    let text = "apiVersion: extensions/v1beta1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  \
                template:\n    metadata: {labels: {app: a}}\n    spec: {containers: [{name: c}]}\n";
    let (set, found, _) = read_all(text, Rules::Strict);
    assert_eq!(found, ["N002 1:13 "]);
    let Object::Deployment(deployment) = &set.objects[0].object else { panic!("a Deployment") };
    let labels = deployment.spec.clone().unwrap().selector.match_labels.unwrap();
    assert_eq!(labels["app"], "a");
}

#[test]
fn fields_without_effect_are_listed() {
    let text = deployment("securityContext: {}\n        env: []\n        image: x");
    let (set, _, _) = read_all(&text, Rules::Strict);
    assert_eq!(
        set.objects[0].effect.ignored,
        ["spec.template.spec.containers[].env", "spec.template.spec.containers[].securityContext"]
    );
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: b}\n";
    assert!(!read_all(text, Rules::Strict).0.objects[0].effect.simulated);
}

/// The folder of real manifests, when it is there.
fn real_manifests() -> Option<std::path::PathBuf> {
    let shared = std::env::var("WAVETANK_SHARED").unwrap_or_else(|_| "../shared".to_owned());
    let folder = std::path::Path::new(&shared).join("inputs/manifests");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("no {}: real manifests are not read", folder.display());
    None
}

#[test]
fn every_real_manifest_loads() {
    let Some(folder) = real_manifests() else { return };
    let (mut sources, mut found) = (SourceMap::new(), Diagnostics::new());
    let mut set = ManifestSet::new();
    let into = (&mut sources, &mut found);
    let files = read_path(&folder, "manifests", Rules::Lenient, &mut set, into).unwrap();
    println!("{files} files, {} objects, {} skipped", set.objects.len(), set.skipped.len());
    assert_eq!(found.error_count(), 0, "{}", found.render(&sources, 20));
    assert!(set.objects.len() > 100);
}

#[test]
fn a_real_application_has_no_findings_inside_a_scenario() {
    let Some(folder) = real_manifests() else { return };
    let path = folder.join("online-boutique/release/kubernetes-manifests.yaml");
    let (mut sources, mut found) = (SourceMap::new(), Diagnostics::new());
    let mut set = ManifestSet::new();
    read_path(&path, "shop", Rules::Strict, &mut set, (&mut sources, &mut found)).unwrap();
    assert_eq!(found.render(&sources, 20), "");
    assert!(set.find("Deployment", "default", "checkoutservice").is_some());
}
