//! The filter of lists that are searched by strings.

use serde::Deserialize;
use utoipa::IntoParams;

use crate::rest::{Filters, Search};

/// The filter by a string.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Searched {
    /// Only entries with this string in their names or descriptions, regardless of case: 1 to 200 characters.
    #[param(nullable = false, value_type = Option<String>)]
    search: Option<Search>,
}

impl Filters for Searched {}

impl Searched {
    /// Returns whether an entry with these strings is selected.
    pub(super) fn finds<'a>(&self, strings: impl IntoIterator<Item = &'a str>) -> bool {
        let search = self.search.as_ref();
        search.is_none_or(|search| search.finds(strings))
    }
}
