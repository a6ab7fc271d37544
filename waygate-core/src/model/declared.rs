//! Conversions from texts of declarations to values of policies.

use std::str::FromStr;

use ipnet::IpNet;

use crate::grammar::{Invalid, PolicyName, RoleName, parse_cidr};

/// The given name, or the default one by position.
pub(super) fn name(written: Option<&str>, ordinal: u32) -> Result<PolicyName, Invalid> {
    written.map_or_else(|| Ok(PolicyName::by_ordinal(ordinal)), str::parse)
}

pub(super) fn parsed<T: FromStr<Err = Invalid>>(text: Option<&str>) -> Result<Option<T>, Invalid> {
    text.map(str::parse).transpose()
}

pub(super) fn networks(texts: &[&str]) -> Result<Vec<IpNet>, Invalid> {
    texts.iter().map(|text| parse_cidr(text)).collect()
}

pub(super) fn roles(texts: &[&str]) -> Result<Vec<RoleName>, Invalid> {
    texts.iter().map(|text| text.parse()).collect()
}
