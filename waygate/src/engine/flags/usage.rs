//! Declared flags beside the stored ones.

use std::{collections::HashMap, fmt};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use waygate_core::{decl, flag::FlagType, model::RouteKey};

use super::declared::DeclaredFlag;
use crate::engine::{Inner, kinds::Records, snapshot::Snapshot};

/// A flag that the code declares with `flags!`, and where.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use waygate::Waygate;
///
/// waygate::flags! {
///     /// The new checkout.
///     pub NEW_CHECKOUT: bool = false { owner = "payments" }
/// }
///
/// let waygate = Waygate::builder().build().await?;
/// let declared = waygate.flags().declarations();
/// let new = declared.iter().find(|flag| flag.key == NEW_CHECKOUT.key()).expect("declared above");
/// assert_eq!((new.name, new.owner, &*new.description), ("NEW_CHECKOUT", Some("payments"), "The new checkout."));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "admin", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct FlagDeclaration {
    /// The key.
    pub key: &'static str,
    /// The name of the constant.
    pub name: &'static str,
    /// The doc comment; may be empty.
    pub description: &'static str,
    /// The type of the values.
    #[serde(rename = "type")]
    #[cfg_attr(feature = "admin", schema(value_type = String))]
    pub value_type: FlagType,
    /// The default, which is served while the flag is not stored.
    pub default: Value,
    /// The declared variations; empty if the declaration names none.
    pub variations: Vec<DeclaredVariation>,
    /// The JSON schema of the values, if their type has one.
    pub schema: Option<Value>,
    /// The owner.
    pub owner: Option<&'static str>,
    /// The time after which the flag is to be removed.
    #[cfg_attr(feature = "admin", schema(value_type = Option<String>, format = DateTime))]
    pub expires: Option<Timestamp>,
    /// The module of the constant.
    pub module: &'static str,
    /// The file of the constant.
    pub file: &'static str,
    /// The line of the constant.
    pub line: u32,
    /// The routes that the flag gates.
    #[cfg_attr(feature = "admin", schema(value_type = Vec<String>))]
    pub routes: Vec<RouteKey>,
}

/// A variation of a declared flag.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// # let waygate = waygate::Waygate::builder().build().await?;
/// for flag in waygate.flags().declarations() {
///     for variation in flag.variations {
///         println!("{}: {} is {}", flag.key, variation.name, variation.value);
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "admin", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct DeclaredVariation {
    /// The name.
    pub name: &'static str,
    /// The value.
    pub value: Value,
}

/// A difference between the flags in the code and those in the store. Deny some of them with
/// [`WaygateBuilder::deny_flags`](crate::WaygateBuilder::deny_flags).
///
/// ```
/// use waygate::flags::FlagMismatch;
///
/// let all = FlagMismatch::ALL.map(FlagMismatch::as_str);
/// assert!(all.contains(&"not_stored"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "admin", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FlagMismatch {
    /// A flag is declared and not stored: its default is served.
    NotStored,
    /// A flag is stored, and no code of this process declares it.
    NotDeclared,
    /// The stored flag has another type, or values that the declared type cannot read.
    TypeDiffers,
    /// A declared flag is past its expiry.
    Expired,
    /// Two declarations have the same key.
    DeclaredTwice,
}

impl FlagMismatch {
    /// All differences.
    pub const ALL: [Self; 5] = [
        Self::NotStored,
        Self::NotDeclared,
        Self::TypeDiffers,
        Self::Expired,
        Self::DeclaredTwice,
    ];

    /// Returns the word in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotStored => "not_stored",
            Self::NotDeclared => "not_declared",
            Self::TypeDiffers => "type_differs",
            Self::Expired => "expired",
            Self::DeclaredTwice => "declared_twice",
        }
    }
}

/// A difference about one flag. As text: the flag, the problem, and the place in the code.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// # let waygate = waygate::Waygate::builder().build().await?;
/// for finding in waygate.flags().mismatches() {
///     println!("{:?}: {finding}", finding.kind);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "admin", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct FlagFinding {
    /// The difference.
    pub kind: FlagMismatch,
    /// The key of the flag.
    pub key: String,
    /// The problem in words.
    pub message: String,
    /// The file of the declaration; `None` if the flag is not declared.
    pub file: Option<&'static str>,
    /// The line of the declaration.
    pub line: Option<u32>,
}

impl fmt::Display for FlagFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "flag `{}`: {}", self.key, self.message)?;
        match (self.file, self.line) {
            (Some(file), Some(line)) => write!(f, " ({file}:{line})"),
            _ => Ok(()),
        }
    }
}

/// Lists the declarations, by key and place.
pub(crate) fn declarations(snapshot: &Snapshot) -> Vec<FlagDeclaration> {
    let mut routes: HashMap<&str, Vec<RouteKey>> = HashMap::new();
    for route in snapshot.table.registered() {
        for gate in &route.gates {
            let gated = routes.entry(gate.flag.key()).or_default();
            gated.push(route.key.clone());
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
            routes: routes.get(key).cloned().unwrap_or_default(),
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
