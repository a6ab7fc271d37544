use std::net::IpAddr;

use http::{Extensions, HeaderMap};
use waygate_core::{decision::Facts, grammar::RoleName, net::TrustedProxies};

use super::{Roles, client_ip};

/// A request's head, as decisions see it. Nothing is looked at before it is asked for.
pub(super) struct RequestFacts<'a> {
    pub(super) extensions: &'a Extensions,
    pub(super) headers: &'a HeaderMap,
    pub(super) proxies: &'a TrustedProxies,
}

impl Facts for RequestFacts<'_> {
    fn client_ip(&self) -> Option<IpAddr> {
        client_ip(self.extensions, self.headers, self.proxies)
    }

    fn has_role(&self, role: &RoleName) -> bool {
        self.extensions
            .get::<Roles>()
            .is_some_and(|roles| roles.has(role))
    }
}
