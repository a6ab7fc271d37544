use std::str::FromStr;

use proc_macro2::TokenStream;
use quote::quote;
use waygate_core::grammar::RoleName;

use crate::args::Args;

pub(super) fn gate(args: &mut Args) -> TokenStream {
    let example = "#[allowed_roles(\"admin\", \"billing:ops\")]";
    let roles = args.list("role", example, RoleName::from_str);
    quote!(AllowedRoles { roles: &[#(#roles),*] })
}
