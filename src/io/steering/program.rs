//! The program that chooses a socket, in the kernel's own instructions (RFC 9669).
//!
//! It is fifty of them, written here by hand rather than compiled: building Volley needs no clang, and
//! what is loaded into the kernel can be read in one place. What it does, for a datagram to the port:
//!
//! ```text
//! worker = sources[(source address, source port)]
//! if none, and it is a STUN Binding request whose first attribute is USERNAME:
//!     worker = the one that the first letters of it name
//! if there is such a worker: take its socket; else leave it to the kernel's hash
//! ```
//!
//! A name is only believed until somebody has looked: what a check proves is judged by the worker that
//! gets it. Every browser writes USERNAME first; a check that does not is handed on by whoever gets it.

use super::bpf::Map;
use crate::base::worker_name::{FIRST_LETTER, LETTER_BITS, NAME_LETTERS};
use std::os::fd::AsRawFd as _;

/// One instruction (`struct bpf_insn`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub(super) struct Instruction {
    code: u8,
    registers: u8,
    offset: i16,
    immediate: i32,
}

/// Registers: 0 is what a call returns, 1 to 5 its arguments, which it spoils; 6 stays, 10 is the stack's end.
type Register = u8;
const RESULT: Register = 0;
const ARGUMENTS: [Register; 5] = [1, 2, 3, 4, 5];
const CONTEXT: Register = 6;
const NUMBER: Register = 7;
const STACK: Register = 10;

// What lies on the stack, counted from its end.
const KEY: i16 = -24;
const KEY_IPV4: i16 = KEY + 12;
const KEY_PORT: i16 = KEY + 16;
const CHOICE: i16 = -4;
const HEAD: i16 = -64;

/// The head of a STUN message, the head of its first attribute, and the first letters of that.
const HEAD_BYTES: i32 = 20 + 4 + 4;
const HEAD_COOKIE: i16 = HEAD + 4;
const HEAD_ATTRIBUTE: i16 = HEAD + 20;
const HEAD_LETTERS: i16 = HEAD + 24;

/// Of a header of UDP: what stands before its payload.
const UDP_HEADER: i32 = 8;

// Helpers (linux/bpf.h).
const MAP_LOOKUP_ELEM: i32 = 1;
const SKB_LOAD_BYTES: i32 = 26;
const SKB_LOAD_BYTES_RELATIVE: i32 = 68;
const SK_SELECT_REUSEPORT: i32 = 82;
/// Offsets are counted from the header of IP.
const HDR_START_NET: i32 = 1;
/// The first of two instructions that hold a number of 64 bits: it is a map's descriptor.
const PSEUDO_MAP_FD: Register = 1;
/// Not `SK_DROP`: without a socket chosen the kernel's hash chooses.
const SK_PASS: i32 = 1;

// Codes: class, then source of the operand or size, then operation.
const MOVE: u8 = 0xb7;
const MOVE_REGISTER: u8 = 0xbf;
const ADD: u8 = 0x07;
const SHIFT_LEFT: u8 = 0x67;
const OR_REGISTER: u8 = 0x4f;
const LOAD_NUMBER: u8 = 0x18;
const LOAD_WORD: u8 = 0x61;
const LOAD_HALF: u8 = 0x69;
const LOAD_BYTE: u8 = 0x71;
const STORE_WORD: u8 = 0x62;
const STORE_DOUBLE: u8 = 0x7a;
const STORE_REGISTER_WORD: u8 = 0x63;
const JUMP: u8 = 0x05;
const JUMP_IF_EQUAL: u8 = 0x15;
const JUMP_IF_NOT_LESS: u8 = 0x35;
const JUMP_IF_NOT_EQUAL: u8 = 0x55;
const CALL: u8 = 0x85;
const EXIT: u8 = 0x95;

/// Where a jump goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Label {
    Stranger,
    Chosen,
    Over,
}

/// The program for one family's group of as many sockets as there are `workers`.
pub(super) fn choose(is_ipv4: bool, sources: &Map, sockets: &Map, workers: u16) -> Vec<Instruction> {
    let mut program = Program::default();
    program.move_register(CONTEXT, ARGUMENTS[0]);
    program.read_source(is_ipv4);
    program.look_up(sources);
    program.jump_if(JUMP_IF_EQUAL, RESULT, 0, Label::Stranger);
    program.emit(LOAD_WORD, NUMBER, RESULT, 0, 0);
    program.jump(Label::Chosen);
    program.place(Label::Stranger);
    program.read_name();
    program.place(Label::Chosen);
    // Whoever wrote the number, or the letters: the kernel is asked for sockets that exist.
    program.jump_if(JUMP_IF_NOT_LESS, NUMBER, i32::from(workers), Label::Over);
    program.emit(STORE_REGISTER_WORD, STACK, NUMBER, CHOICE, 0);
    program.take_socket(sockets);
    program.place(Label::Over);
    program.emit(MOVE, RESULT, 0, 0, SK_PASS);
    program.emit(EXIT, 0, 0, 0, 0);
    program.finish()
}

#[derive(Debug, Default)]
struct Program {
    code: Vec<Instruction>,
    /// Which instruction jumps where.
    jumps: Vec<(usize, Label)>,
    places: Vec<(Label, usize)>,
}

/// The parts of the program.
impl Program {
    /// Puts the source address and port on the stack, as the map's keys are.
    fn read_source(&mut self, is_ipv4: bool) {
        // ::ffff: in front of an IPv4 address, and nothing behind the port.
        self.emit(STORE_DOUBLE, STACK, 0, KEY, 0);
        self.emit(STORE_WORD, STACK, 0, KEY + 8, i32::from_ne_bytes([0, 0, 0xff, 0xff]));
        self.emit(STORE_WORD, STACK, 0, KEY_PORT, 0);
        let (offset, place, bytes) = if is_ipv4 { (12, KEY_IPV4, 4) } else { (8, KEY, 16) };
        self.read(SKB_LOAD_BYTES_RELATIVE, offset, place, bytes);
        self.read(SKB_LOAD_BYTES, 0, KEY_PORT, 2);
    }

    fn look_up(&mut self, sources: &Map) {
        self.map(ARGUMENTS[0], sources);
        self.address_of(ARGUMENTS[1], KEY);
        self.call(MAP_LOOKUP_ELEM);
    }

    /// The worker that a check names.
    fn read_name(&mut self) {
        self.read(SKB_LOAD_BYTES, UDP_HEADER, HEAD, HEAD_BYTES);
        // A Binding request, the cookie, and USERNAME, all in network order (RFC 8489 §5, §14.3).
        self.must_be(LOAD_HALF, HEAD, i32::from(u16::from_ne_bytes([0x00, 0x01])));
        self.must_be(LOAD_WORD, HEAD_COOKIE, i32::from_ne_bytes([0x21, 0x12, 0xa4, 0x42]));
        self.must_be(LOAD_HALF, HEAD_ATTRIBUTE, i32::from(u16::from_ne_bytes([0x00, 0x06])));
        self.emit(MOVE, NUMBER, 0, 0, 0);
        for letter in 0..NAME_LETTERS as i16 {
            self.emit(LOAD_BYTE, RESULT, STACK, HEAD_LETTERS + letter, 0);
            self.emit(ADD, RESULT, 0, 0, -i32::from(FIRST_LETTER));
            // Of what is no letter of a name, bits are left over that make the number too great, or
            // it names somebody who will not know the rest of it.
            self.emit(SHIFT_LEFT, NUMBER, 0, 0, LETTER_BITS as i32);
            self.emit(OR_REGISTER, NUMBER, RESULT, 0, 0);
        }
    }

    fn take_socket(&mut self, sockets: &Map) {
        self.move_register(ARGUMENTS[0], CONTEXT);
        self.map(ARGUMENTS[1], sockets);
        self.address_of(ARGUMENTS[2], CHOICE);
        self.emit(MOVE, ARGUMENTS[3], 0, 0, 0);
        self.call(SK_SELECT_REUSEPORT);
    }

    /// Copies bytes of the datagram onto the stack, or gives up.
    fn read(&mut self, helper: i32, offset: i32, place: i16, bytes: i32) {
        self.move_register(ARGUMENTS[0], CONTEXT);
        self.emit(MOVE, ARGUMENTS[1], 0, 0, offset);
        self.address_of(ARGUMENTS[2], place);
        self.emit(MOVE, ARGUMENTS[3], 0, 0, bytes);
        self.emit(MOVE, ARGUMENTS[4], 0, 0, HDR_START_NET);
        self.call(helper);
        self.jump_if(JUMP_IF_NOT_EQUAL, RESULT, 0, Label::Over);
    }

    fn must_be(&mut self, load: u8, place: i16, value: i32) {
        self.emit(load, RESULT, STACK, place, 0);
        self.jump_if(JUMP_IF_NOT_EQUAL, RESULT, value, Label::Over);
    }
}

/// Instructions.
impl Program {
    fn emit(&mut self, code: u8, to: Register, from: Register, offset: i16, immediate: i32) {
        let registers = if cfg!(target_endian = "little") { from << 4 | to } else { to << 4 | from };
        self.code.push(Instruction { code, registers, offset, immediate });
    }

    fn move_register(&mut self, to: Register, from: Register) {
        self.emit(MOVE_REGISTER, to, from, 0, 0);
    }

    fn address_of(&mut self, to: Register, place: i16) {
        self.move_register(to, STACK);
        self.emit(ADD, to, 0, 0, i32::from(place));
    }

    fn map(&mut self, to: Register, map: &Map) {
        self.emit(LOAD_NUMBER, to, PSEUDO_MAP_FD, 0, map.fd().as_raw_fd());
        self.emit(0, 0, 0, 0, 0);
    }

    fn call(&mut self, helper: i32) {
        self.emit(CALL, 0, 0, 0, helper);
    }

    fn jump(&mut self, to: Label) {
        self.jump_if(JUMP, 0, 0, to);
    }

    fn jump_if(&mut self, condition: u8, register: Register, value: i32, to: Label) {
        self.jumps.push((self.code.len(), to));
        self.emit(condition, register, 0, 0, value);
    }

    fn place(&mut self, label: Label) {
        self.places.push((label, self.code.len()));
    }

    fn finish(mut self) -> Vec<Instruction> {
        for (from, to) in self.jumps {
            let place =
                self.places.iter().find(|(label, _)| *label == to).expect("every label has a place").1;
            self.code[from].offset = (place - from - 1) as i16;
        }
        self.code
    }
}
