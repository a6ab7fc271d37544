//! The attributes, one file each: arguments, declaration, contradictions.

pub(crate) mod allowed_ips;
pub(crate) mod allowed_roles;
mod attribute;
pub(crate) mod canary;
pub(crate) mod concurrency_limit;
pub(crate) mod deprecated;
pub(crate) mod disabled;
pub(crate) mod env_only;
pub(crate) mod flag_gate;
pub(crate) mod force_active;
mod key;
pub(crate) mod maintenance;
pub(crate) mod rate_limit;

pub(crate) use attribute::{Attribute, Canary, Declared, Place, option};

const ALL: &[&Attribute] = &[
    &maintenance::ATTRIBUTE,
    &disabled::ATTRIBUTE,
    &env_only::ATTRIBUTE,
    &allowed_ips::ATTRIBUTE,
    &allowed_roles::ATTRIBUTE,
    &deprecated::ATTRIBUTE,
    &deprecated::SUNSET,
    &force_active::ATTRIBUTE,
    &flag_gate::ATTRIBUTE,
    &canary::ATTRIBUTE,
    &rate_limit::ATTRIBUTE,
    &concurrency_limit::ATTRIBUTE,
];

pub(crate) fn by_name(name: &str) -> Option<&'static Attribute> {
    ALL.iter()
        .find(|attribute| attribute.name() == name)
        .copied()
}
