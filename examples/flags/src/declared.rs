//! The flags of the shop.

use serde::{Deserialize, Serialize};

waygate::flags! {
    /// The new checkout.
    pub NEW_CHECKOUT: bool = false { owner = "payments", expires = "2040-01-01" }

    /// The new search.
    pub NEW_SEARCH: bool = false { owner = "search" }

    /// The number of results of a page.
    pub PAGE_SIZE: u32 = 20 { variations = { small = 20, large = 100 } }

    /// The text above all pages.
    pub BANNER: Banner = Banner { text: String::new(), color: "grey".to_owned() } { key = "shop.banner" }
}

/// The text above all pages.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Banner {
    /// The text.
    pub text: String,
    /// The color behind it.
    pub color: String,
}
