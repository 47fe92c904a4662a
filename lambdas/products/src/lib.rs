//! The products service: a catalogue, and the two functions that show it. Knows nothing of carts, and has no client of anything.

pub mod catalogue;
pub mod handlers;
