use http::HeaderMap;

use super::{
    headers::{StateHeaders, add_announcement},
    limits::Allowed,
};

/// A request that the state and the limits of its route let pass.
#[derive(Debug, Default)]
pub(crate) struct Granted {
    pub(crate) announcement: Option<StateHeaders>,
    /// `None` if no limit has counted it.
    pub(crate) allowed: Option<Allowed>,
}

impl Granted {
    /// Adds the headers about deprecation, caching and rate limits to the response.
    #[inline]
    pub(crate) fn write_headers(&self, headers: &mut HeaderMap) {
        if let Some(allowed) = &self.allowed {
            allowed.write_headers(headers);
        }
        if let Some(announcement) = &self.announcement {
            add_announcement(headers, announcement);
        }
    }

    /// Charges the difference between the actual cost and the charged one, or refunds it.
    #[cold]
    pub(crate) fn correct(&mut self, cost: u32) {
        if let Some(allowed) = self.allowed.take() {
            allowed.correct(cost);
        }
    }
}
