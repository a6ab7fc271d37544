//! Declared flags beside the stored ones.

use std::collections::HashMap;

use jiff::Timestamp;
use waygate_core::{decl, model::RouteKey};

use super::{
    declared::DeclaredFlag,
    finding::{DeclaredVariation, FlagDeclaration, FlagFinding, FlagMismatch},
};
use crate::engine::{Inner, kinds::Records, snapshot::Snapshot};

/// The routes of each flag.
type Routes<'a> = HashMap<&'a str, Vec<RouteKey>>;

fn add(routes: &mut Routes<'_>, flag: &'static DeclaredFlag, route: &RouteKey) {
    let of_flag = routes.entry(flag.key()).or_default();
    of_flag.push(route.clone());
}

/// Lists the declarations, by key and place.
pub(crate) fn declarations(snapshot: &Snapshot) -> Vec<FlagDeclaration> {
    let (mut gated, mut canaries) = (Routes::new(), Routes::new());
    for route in snapshot.table.registered() {
        for gate in &route.gates {
            add(&mut gated, gate.flag, &route.key);
        }
        if let Some(canary) = &route.canary {
            add(&mut canaries, canary.flag, &route.key);
        }
    }
    let declared = DeclaredFlag::all().iter();
    let records = declared.map(|flag| {
        let decl::Flag {
            key,
            name,
            description,
            owner,
            expires,
            module,
            file,
            line,
        } = *flag.declaration();
        let variations = flag.variations().into_iter();
        FlagDeclaration {
            key,
            name,
            description,
            value_type: flag.value_type(),
            default: flag.default_value(),
            variations: variations
                .map(|(name, value)| DeclaredVariation { name, value })
                .collect(),
            schema: flag.schema(),
            owner,
            expires: expires.and_then(|seconds| Timestamp::from_second(seconds).ok()),
            module,
            file,
            line,
            routes: gated.get(key).cloned().unwrap_or_default(),
            canaries: canaries.get(key).cloned().unwrap_or_default(),
        }
    });
    records.collect()
}

/// Lists the differences, by key.
pub(crate) fn mismatches(snapshot: &Snapshot, now: Timestamp) -> Vec<FlagFinding> {
    let mut findings = Vec::new();
    let mut last: Option<&DeclaredFlag> = None;
    for declared in DeclaredFlag::all() {
        let finding = |kind, message| of(declared, kind, message);
        if let Some(other) = last.filter(|last| last.key() == declared.key()) {
            let decl::Flag { file, line, .. } = other.declaration();
            let message =
                format!("it is declared at {file}:{line} too; give each a key of its own");
            findings.push(finding(FlagMismatch::DeclaredTwice, message));
        }
        findings.extend(stored(declared, snapshot).map(|(kind, message)| finding(kind, message)));
        let expires = declared.declaration().expires;
        if let Some(expired) = expires.filter(|seconds| *seconds <= now.as_second()) {
            let day = Timestamp::from_second(expired).map(|at| at.strftime("%F").to_string());
            let message = format!("it expired on {}; remove it", day.unwrap_or_default());
            findings.push(finding(FlagMismatch::Expired, message));
        }
        last = Some(declared);
    }
    findings.extend(undeclared(&snapshot.records));
    findings.sort_by(|one, other| one.key.cmp(&other.key));
    findings
}

/// The lines of the start report about flags.
pub(crate) fn notes(inner: &Inner, snapshot: &Snapshot, now: Timestamp) -> Vec<String> {
    let findings = mismatches(snapshot, now);
    let mut notes: Vec<String> = findings.iter().map(ToString::to_string).collect();
    let is_gated = |route: &&std::sync::Arc<crate::engine::Registered>| !route.gates.is_empty();
    if inner.flag_contexts.is_nothing()
        && let Some(route) = snapshot.table.registered().find(is_gated)
    {
        notes.push(format!(
            "a flag gates `{}`, but the builder sets no source of contexts (`.flag_principal::<YourType>()`, \
             `.flag_context(..)`): all requests are anonymous",
            route.key
        ));
    }
    notes
}

/// The difference between a declaration and its stored flag.
fn stored(declared: &DeclaredFlag, snapshot: &Snapshot) -> Option<(FlagMismatch, String)> {
    let default = declared.default_value();
    let Some(stored) = snapshot.declared.get(declared) else {
        let message = format!("it is declared and not stored; its default {default} is served");
        return Some((FlagMismatch::NotStored, message));
    };
    let (is, expected) = (stored.flag.definition().value_type, declared.value_type());
    if is != expected {
        let message = format!(
            "it is stored with the type {is} and declared with {expected}; values that cannot be read are the default \
             {default}"
        );
        return Some((FlagMismatch::TypeDiffers, message));
    }
    let unreadable = declared.unreadable(&stored.flag);
    (!unreadable.is_empty()).then(|| {
        let names = unreadable.join("`, `");
        let message = format!(
            "the declared type cannot read the values of `{names}`; the default {default} is served instead"
        );
        (FlagMismatch::TypeDiffers, message)
    })
}

fn of(declared: &DeclaredFlag, kind: FlagMismatch, message: String) -> FlagFinding {
    let decl::Flag { file, line, .. } = *declared.declaration();
    FlagFinding {
        kind,
        key: declared.key().to_owned(),
        message,
        file: Some(file),
        line: Some(line),
    }
}

fn undeclared(records: &Records) -> impl Iterator<Item = FlagFinding> {
    let is_declared = |key: &str| {
        let all = DeclaredFlag::all();
        all.binary_search_by(|declared| declared.key().cmp(key))
            .is_ok()
    };
    let keys = records.flags.iter().map(|(key, _)| key.to_string());
    keys.filter(move |key| !is_declared(key))
        .map(|key| FlagFinding {
            kind: FlagMismatch::NotDeclared,
            key,
            message: "it is stored, and no code of this process declares it".to_owned(),
            file: None,
            line: None,
        })
}
