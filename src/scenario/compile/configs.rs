//! ConfigMaps and Secrets: which pods cannot do without them, and faults that take them away.

use k8s_openapi::api::core::v1::{Container, PodSpec, Volume};

use super::faults::lasts;
use super::symbols::Symbols;
use super::workloads::Collected;
use crate::base::diag::{Diagnostic, Diagnostics, codes, suggest};
use crate::model::{ConfigKind, ConfigReference, ConfigUse, FaultKind};
use crate::rng::Distribution;
use crate::scenario::spec::ConfigMissing;

/// What is missing, and whether it may be.
type Named = (ConfigKind, String, Option<bool>);

/// The ConfigMaps and Secrets that a pod cannot do without: those that are not optional.
pub(super) fn references(spec: &PodSpec) -> Vec<ConfigReference> {
    let mut found = Vec::new();
    let containers = spec.init_containers.iter().flatten().chain(&spec.containers);
    for (place, container) in (0..=u8::MAX).zip(containers) {
        push(&mut found, environment(container), &ConfigUse::Environment(place));
    }
    for volume in spec.volumes.iter().flatten() {
        push(&mut found, mounted(volume), &ConfigUse::Volume(volume.name.clone()));
    }
    found
}

fn push(found: &mut Vec<ConfigReference>, named: Vec<Named>, used: &ConfigUse) {
    for (kind, name, optional) in named {
        let reference = ConfigReference { kind, name, used: used.clone() };
        if optional != Some(true) && !found.contains(&reference) {
            found.push(reference);
        }
    }
}

/// What a container's environment refers to.
fn environment(container: &Container) -> Vec<Named> {
    let mut named = Vec::new();
    for source in container.env_from.iter().flatten() {
        if let Some(map) = &source.config_map_ref {
            named.push((ConfigKind::ConfigMap, map.name.clone(), map.optional));
        }
        if let Some(secret) = &source.secret_ref {
            named.push((ConfigKind::Secret, secret.name.clone(), secret.optional));
        }
    }
    for source in container.env.iter().flatten().filter_map(|env| env.value_from.as_ref()) {
        if let Some(key) = &source.config_map_key_ref {
            named.push((ConfigKind::ConfigMap, key.name.clone(), key.optional));
        }
        if let Some(key) = &source.secret_key_ref {
            named.push((ConfigKind::Secret, key.name.clone(), key.optional));
        }
    }
    named
}

/// What a volume is made of.
fn mounted(volume: &Volume) -> Vec<Named> {
    let mut named = Vec::new();
    if let Some(map) = &volume.config_map {
        named.push((ConfigKind::ConfigMap, map.name.clone(), map.optional));
    }
    if let Some(secret) = &volume.secret {
        let name = secret.secret_name.clone().unwrap_or_default();
        named.push((ConfigKind::Secret, name, secret.optional));
    }
    let projected = volume.projected.iter().flat_map(|all| all.sources.iter().flatten());
    for source in projected {
        if let Some(map) = &source.config_map {
            named.push((ConfigKind::ConfigMap, map.name.clone(), map.optional));
        }
        if let Some(secret) = &source.secret {
            named.push((ConfigKind::Secret, secret.name.clone(), secret.optional));
        }
    }
    named
}

/// Compiles a fault: somebody must need what is missing.
pub(super) fn missing(
    missing: &ConfigMissing,
    collected: &Collected,
    symbols: &Symbols,
    found: &mut Diagnostics,
) -> Option<(FaultKind, String, Option<Distribution>)> {
    let wanted = missing.namespace.as_ref().map_or("default", |name| name.as_str());
    let word = match missing.kind {
        ConfigKind::ConfigMap => "ConfigMap",
        ConfigKind::Secret => "Secret",
    };
    let mut namespace = None;
    let mut known: Vec<String> = Vec::new();
    for (_, template) in collected.templates.iter() {
        let of = &symbols.namespaces[template.namespace].name;
        for config in template.configs.iter().filter(|config| config.kind == missing.kind) {
            if of == wanted && config.name == missing.name.value {
                namespace = Some(template.namespace);
            }
            known.push(if of == wanted {
                config.name.clone()
            } else {
                format!("{of}/{}", config.name)
            });
        }
    }
    let Some(namespace) = namespace else {
        known.sort_unstable();
        known.dedup();
        let names: Vec<&str> = known.iter().map(String::as_str).collect();
        let message = format!("no pod needs a {word} \"{}\" in {wanted}", missing.name.value);
        let help = suggest(&missing.name.value, &names).unwrap_or_else(|| {
            format!("name a {word} that a container's env or a volume refers to and that is not optional")
        });
        found.push(Diagnostic::error(codes::UNRESOLVED, missing.name.span, message).help(help));
        return None;
    };
    let (kind, name) = (missing.kind, missing.name.value.clone());
    let target = format!("{word} {wanted}/{name}");
    Some((
        FaultKind::ConfigMissing { namespace, kind, name },
        target,
        lasts(missing.lasts.as_ref()),
    ))
}
