//! Faults of image registries: which images they concern.

use super::faults::lasts;
use super::symbols::Symbols;
use crate::base::diag::{Diagnostic, Diagnostics, Span, codes, suggest};
use crate::model::{FaultKind, ImageId};
use crate::rng::Distribution;
use crate::scenario::read::Located;
use crate::scenario::spec::{RegistryOutage, RegistrySlow};

/// The registry of images whose names begin with no host.
const DEFAULT_HOST: &str = "docker.io";

/// Slower than this makes no sense.
const FACTOR_MAX: f64 = 1_000_000.0;

/// What a fault is compiled to: what it does, what tables call its target, how long it lasts.
type Compiled = (FaultKind, String, Option<Distribution>);

/// A registry that answers nobody.
pub(super) fn outage(
    (outage, span): (&RegistryOutage, Span),
    symbols: &Symbols,
    found: &mut Diagnostics,
) -> Option<Compiled> {
    let (images, target) =
        concerned((outage.registry.as_ref(), &outage.images), span, symbols, found)?;
    Some((FaultKind::RegistryOutage { images }, target, lasts(outage.lasts.as_ref())))
}

/// A slow registry.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the factor lies within bounds"
)]
pub(super) fn slow(
    (slow, span): (&RegistrySlow, Span),
    symbols: &Symbols,
    found: &mut Diagnostics,
) -> Option<Compiled> {
    if slow.factor.is_none() && slow.bytes_per_second.is_none() {
        let message = "registrySlow slows nothing down";
        let finding = Diagnostic::error(codes::MISSING_FIELD, slow.span, message);
        found.push(finding.help("add factor: 10 or bytesPerSecond: 1M, or both"));
        return None;
    }
    let mut factor_milli = 1000;
    if let Some(factor) = &slow.factor {
        if !(1.0..=FACTOR_MAX).contains(&factor.value) {
            let message = format!("factor {} makes nothing slower", factor.value);
            let finding = Diagnostic::error(codes::OUT_OF_RANGE, factor.span, message);
            found.push(finding.help("write a factor from 1 to 1000000"));
            return None;
        }
        factor_milli = (factor.value * 1000.0).round() as u32;
    }
    let mut bytes_per_s = None;
    if let Some(rate) = &slow.bytes_per_second {
        bytes_per_s = u64::try_from(rate.value.value()).ok().filter(|&rate| rate > 0);
        if bytes_per_s.is_none() {
            let message = format!("{} bytes per second", rate.value);
            let finding = Diagnostic::error(codes::OUT_OF_RANGE, rate.span, message);
            found.push(finding.help("write 1 or more, or use registryOutage"));
            return None;
        }
    }
    let (images, target) = concerned((slow.registry.as_ref(), &slow.images), span, symbols, found)?;
    let kind = FaultKind::RegistrySlow { images, factor_milli, bytes_per_s };
    Some((kind, target, lasts(slow.lasts.as_ref())))
}

/// The images concerned, and what tables call them.
fn concerned(
    (registry, names): (Option<&Located<String>>, &[Located<String>]),
    span: Span,
    symbols: &Symbols,
    found: &mut Diagnostics,
) -> Option<(Vec<ImageId>, String)> {
    let all: Vec<&str> = symbols.images.values().map(|image| image.name.as_str()).collect();
    if !names.is_empty() {
        if let Some(registry) = registry {
            let message = "both registry and images";
            let finding = Diagnostic::error(codes::CONFLICT, registry.span, message);
            found.push(finding.help("write one of them"));
            return None;
        }
        let mut images = Vec::new();
        for name in names {
            match symbols.known_image(&name.value) {
                Some(image) => images.push(image),
                None => {
                    let message = format!("there is no image \"{}\"", name.value);
                    let help = suggest(&name.value, &all)
                        .unwrap_or_else(|| "write an image as a container names it".to_owned());
                    let finding = Diagnostic::error(codes::UNRESOLVED, name.span, message);
                    found.push(finding.help(help));
                }
            }
        }
        images.sort_unstable();
        images.dedup();
        let target = match names {
            [one] => one.value.clone(),
            _ => format!("{} images", images.len()),
        };
        return Some((images, target));
    }
    let of =
        |id: &ImageId| registry.is_none_or(|host| host_of(&symbols.images[*id].name) == host.value);
    let images: Vec<ImageId> = symbols.images.ids().filter(of).collect();
    if images.is_empty() {
        let place = registry.map_or(span, |host| host.span);
        let mut hosts: Vec<&str> = all.iter().map(|name| host_of(name)).collect();
        hosts.sort_unstable();
        hosts.dedup();
        let message = match registry {
            Some(host) => format!("no image comes from \"{}\"", host.value),
            None => "there are no images".to_owned(),
        };
        let help = match hosts.as_slice() {
            [] => "declare workloads".to_owned(),
            hosts => format!("images come from {}", hosts.join(", ")),
        };
        found.push(Diagnostic::error(codes::UNRESOLVED, place, message).help(help));
        return None;
    }
    Some((images, registry.map_or_else(|| "all registries".to_owned(), |host| host.value.clone())))
}

/// The registry's host in the name of an image.
fn host_of(name: &str) -> &str {
    match name.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => host,
        _ => DEFAULT_HOST,
    }
}

#[cfg(test)]
mod tests {
    use super::host_of;

    #[test]
    fn images_without_a_host_come_from_docker_hub() {
        for (name, host) in [
            ("web:1", "docker.io"),
            ("shop/web:1", "docker.io"),
            ("ghcr.io/shop/web:1", "ghcr.io"),
            ("localhost/web:1", "localhost"),
            ("registry:5000/web", "registry:5000"),
            ("docker.io/library/web:1", "docker.io"),
        ] {
            assert_eq!(host_of(name), host, "{name}");
        }
    }
}
