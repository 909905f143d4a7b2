/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The switch for x86-64, System V ABI.
 *
 * A called function must preserve rbx, rbp, r12 to r15 and the control bits of mxcsr and of the x87
 * control word; the compiler expects the rest to be lost over a call. So these go onto the stack
 * that we leave, its pointer is stored, and the same is undone on the other. Both stacks hold the
 * same layout at the moment of the exchange, hence one CFI description is true before and after it.
 *
 * No IBT/SHSTK note on purpose: the jump below goes where a hardware shadow stack does not expect
 * it, so the program must not be marked as fit for one.
 */
#if defined(__x86_64__) && !defined(__ILP32__) && !defined(FIBER_UCONTEXT)

    .text

/* void switch_stacks(void **save, void *to) */
    .globl switch_stacks
    .hidden switch_stacks
    .type switch_stacks, @function
    .p2align 4
switch_stacks:
    .cfi_startproc
    pushq %rbp
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %rbp, 0
    pushq %rbx
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %rbx, 0
    pushq %r12
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r12, 0
    pushq %r13
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r13, 0
    pushq %r14
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r14, 0
    pushq %r15
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r15, 0
    subq $8, %rsp
    .cfi_adjust_cfa_offset 8
    stmxcsr (%rsp)
    fnstcw 4(%rsp)

    movl (%rsp), %eax
    movzwl 4(%rsp), %ecx
    movq %rsp, (%rdi)
    movq %rsi, %rsp

    /* Loading them is slow (100 ns when the value changes) and hardly ever needed. The low six
     * bits of mxcsr are status: no callee preserves those. */
    xorl (%rsp), %eax
    testl $0xffc0, %eax
    je 1f
    ldmxcsr (%rsp)
1:
    cmpw 4(%rsp), %cx
    je 2f
    fldcw 4(%rsp)
2:
    addq $8, %rsp
    .cfi_adjust_cfa_offset -8
    popq %r15
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r15
    popq %r14
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r14
    popq %r13
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r13
    popq %r12
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r12
    popq %rbx
    .cfi_adjust_cfa_offset -8
    .cfi_restore %rbx
    popq %rbp
    .cfi_adjust_cfa_offset -8
    .cfi_restore %rbp
    /* Not ret: the processor would predict a return to whoever called here, and always be wrong. */
    popq %rcx
    .cfi_adjust_cfa_offset -8
    .cfi_register %rip, %rcx
    jmp *%rcx
    .cfi_endproc
    .size switch_stacks, . - switch_stacks

/* Where a fresh stack begins: rbx holds the function, r12 its argument. There is no caller, and the
 * undefined return address says so to debuggers and unwinders. They look one octet before where a
 * frame will return to, hence the nop. */
    .globl switch_start
    .hidden switch_start
    .type switch_start, @function
    .p2align 4
    .cfi_startproc
    .cfi_undefined %rip
    nop
switch_start:
    movq %r12, %rdi
    xorl %ebp, %ebp
    call *%rbx
    ud2
    .cfi_endproc
    .size switch_start, . - switch_start

#endif

    .section .note.GNU-stack, "", %progbits
