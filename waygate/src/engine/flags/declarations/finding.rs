//! Records about declared flags.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use waygate_core::{flag::FlagType, model::RouteKey};

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
    /// The routes with a `#[canary]` of the flag.
    #[cfg_attr(feature = "admin", schema(value_type = Vec<String>))]
    pub canaries: Vec<RouteKey>,
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
