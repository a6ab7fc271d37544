use proc_macro2::TokenStream;
use quote::quote;

pub(super) fn gate() -> TokenStream {
    quote!(ForceActive)
}
