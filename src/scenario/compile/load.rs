//! Load: Services are found, amounts are checked.

use super::symbols::Symbols;
use crate::base::diag::{Diagnostic, Diagnostics, codes, suggest};
use crate::base::id::IdVec;
use crate::base::quantity::Quantity;
use crate::model::{Load, Overload, Service, ServiceId};
use crate::scenario::read::Located;
use crate::scenario::spec;

/// Most requests a second, and cores for one Service.
const RATE_MAX: f64 = 1e9;

/// Compiles `load:`.
pub(super) fn compile(
    entries: &[spec::Load],
    services: &IdVec<ServiceId, Service>,
    symbols: &Symbols,
    found: &mut Diagnostics,
) -> Vec<Load> {
    let mut out: Vec<Load> = Vec::new();
    for entry in entries {
        let weekday = checked(&entry.rate, found);
        let weekend = entry.weekend_rate.as_ref().map_or(weekday, |rate| checked(rate, found));
        let each = &entry.cpu_per_request;
        if each.value <= Quantity::ZERO || each.value.value() > 1000 {
            let message = format!("{} of CPU for one request", each.value);
            found.push(
                Diagnostic::error(codes::OUT_OF_RANGE, each.span, message)
                    .help("write a CPU time above 0 and up to 1000, for example 10m"),
            );
        }
        let named = |id: &ServiceId| {
            let service = &services[*id];
            format!("{}/{}", symbols.namespaces[service.namespace].name, service.name)
        };
        let Some(service) = services.ids().find(|id| named(id) == entry.service.value) else {
            let names: Vec<String> = services.ids().map(|id| named(&id)).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let message = format!("there is no Service \"{}\"", entry.service.value);
            let help = suggest(&entry.service.value, &names)
                .unwrap_or_else(|| "write a Service of the scenario as namespace/name".to_owned());
            found
                .push(Diagnostic::error(codes::UNRESOLVED, entry.service.span, message).help(help));
            continue;
        };
        if services[service].selector.is_empty() {
            let message = format!("the Service \"{}\" has no selector", entry.service.value);
            found.push(
                Diagnostic::error(codes::UNRESOLVED, entry.service.span, message)
                    .help("name a Service that selects pods: only they can do its work"),
            );
        }
        let cpu = each.value;
        out.push(Load { service, cpu_milli: [weekday, weekend].map(|rate| cores(rate, cpu)) });
    }
    out
}

fn checked(rate: &Located<f64>, found: &mut Diagnostics) -> f64 {
    if !(0.0..=RATE_MAX).contains(&rate.value) {
        let message = format!("{} requests a second", rate.value);
        let finding = Diagnostic::error(codes::OUT_OF_RANGE, rate.span, message);
        found.push(finding.help("write a number from 0 to 1000000000"));
        return 0.0;
    }
    rate.value
}

/// Thousandths of a core that a rate takes.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "both are checked to be small and not negative, and rounded"
)]
fn cores(rate: f64, cpu: Quantity) -> u64 {
    (rate * cpu.milli_value() as f64).round().max(0.0) as u64
}

/// The rule of a pool.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be a share when it was read"
)]
pub(super) fn overload(rule: &spec::Overload, found: &mut Diagnostics) -> Overload {
    let share = rule.utilisation.as_ref().map_or(1.0, |share| {
        if share.value > 0.0 && share.value <= 10.0 {
            return share.value;
        }
        let message = format!("a utilisation of {}", share.value);
        found.push(
            Diagnostic::error(codes::OUT_OF_RANGE, share.span, message)
                .help("write a share above 0 and up to 10; 1.0 is all of the node's CPU"),
        );
        1.0
    });
    Overload {
        utilisation_milli: (share * 1000.0).round() as u64,
        crashes_after: rule.crashes_after.value,
        lasts: rule.lasts.value,
    }
}
