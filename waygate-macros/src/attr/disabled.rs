use proc_macro2::TokenStream;
use quote::quote;

use super::reason;
use crate::args::Args;

pub(super) fn gate(args: &mut Args) -> TokenStream {
    let reason = reason(args, "replaced by /v2/users");
    quote!(Disabled { reason: #reason })
}
