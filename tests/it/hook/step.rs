//! The step that sends a signed message.
