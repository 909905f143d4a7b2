/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The switch for aarch64, AAPCS64.
 *
 * A called function must preserve x19 to x29, the low halves of v8 to v15, and the control bits of
 * fpcr; x30 is where it returns to. x18 belongs to the platform and is left alone. See
 * switch_x86_64.S for why one CFI description fits both stacks.
 */
#if defined(__aarch64__) && !defined(__ILP32__) && !defined(FIBER_UCONTEXT)

    .text

/* void switch_stacks(void **save, void *to) */
    .globl switch_stacks
    .hidden switch_stacks
    .type switch_stacks, %function
    .p2align 4
switch_stacks:
    .cfi_startproc
    sub sp, sp, #176
    .cfi_def_cfa_offset 176
    stp x29, x30, [sp, #0]
    .cfi_offset x29, -176
    .cfi_offset x30, -168
    stp x19, x20, [sp, #16]
    .cfi_offset x19, -160
    .cfi_offset x20, -152
    stp x21, x22, [sp, #32]
    .cfi_offset x21, -144
    .cfi_offset x22, -136
    stp x23, x24, [sp, #48]
    .cfi_offset x23, -128
    .cfi_offset x24, -120
    stp x25, x26, [sp, #64]
    .cfi_offset x25, -112
    .cfi_offset x26, -104
    stp x27, x28, [sp, #80]
    .cfi_offset x27, -96
    .cfi_offset x28, -88
    stp d8, d9, [sp, #96]
    .cfi_offset d8, -80
    .cfi_offset d9, -72
    stp d10, d11, [sp, #112]
    .cfi_offset d10, -64
    .cfi_offset d11, -56
    stp d12, d13, [sp, #128]
    .cfi_offset d12, -48
    .cfi_offset d13, -40
    stp d14, d15, [sp, #144]
    .cfi_offset d14, -32
    .cfi_offset d15, -24
    mrs x9, fpcr
    str x9, [sp, #160]

    mov x10, sp
    str x10, [x0]
    mov sp, x1

    /* Writing fpcr may stall the pipeline, so only if it differs. */
    ldr x10, [sp, #160]
    cmp x9, x10
    b.eq 1f
    msr fpcr, x10
1:
    ldp d14, d15, [sp, #144]
    ldp d12, d13, [sp, #128]
    ldp d10, d11, [sp, #112]
    ldp d8, d9, [sp, #96]
    ldp x27, x28, [sp, #80]
    ldp x25, x26, [sp, #64]
    ldp x23, x24, [sp, #48]
    ldp x21, x22, [sp, #32]
    ldp x19, x20, [sp, #16]
    ldp x29, x30, [sp, #0]
    add sp, sp, #176
    .cfi_def_cfa_offset 0
    .cfi_restore x29
    .cfi_restore x30
    .cfi_restore x19
    .cfi_restore x20
    .cfi_restore x21
    .cfi_restore x22
    .cfi_restore x23
    .cfi_restore x24
    .cfi_restore x25
    .cfi_restore x26
    .cfi_restore x27
    .cfi_restore x28
    .cfi_restore d8
    .cfi_restore d9
    .cfi_restore d10
    .cfi_restore d11
    .cfi_restore d12
    .cfi_restore d13
    .cfi_restore d14
    .cfi_restore d15
    ret
    .cfi_endproc
    .size switch_stacks, . - switch_stacks

/* Where a fresh stack begins: x19 holds the function, x20 its argument. As on
 * x86-64 the nop is for unwinders. */
    .globl switch_start
    .hidden switch_start
    .type switch_start, %function
    .p2align 4
    .cfi_startproc
    .cfi_undefined x30
    nop
switch_start:
    mov x0, x20
    mov x29, xzr
    mov x30, xzr
    blr x19
    brk #0
    .cfi_endproc
    .size switch_start, . - switch_start

#endif

    .section .note.GNU-stack, "", %progbits
