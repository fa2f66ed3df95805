/*
 * What a target's unwinders ask for the code around an address, answered for patches as well. Type J leads here from
 * _dl_find_object(3) (glibc 2.35 and later, asked by libgcc 12 and later) and dl_iterate_phdr(3) (all other unwinders).
 *
 * Assembled by the tests of the project and held against unwind-x64.o and unwind-ia32.o, which are what is shipped.
 *
 * The table of ranges (UnwindRanges.cs writes it, from outside, a word at a time; W is the size of a word):
 *	0 magic, W count of entries, 2W link_map of the program, 4W the name that entries go by; from 8W entries of 4W each:
 *	start, end, address of an .eh_frame_hdr, its size.
 * An entry with end 0 is none. To fill one, its index and size, then its start, then its end are written; to take it away, its end
 * becomes 0. So a reader that finds the same end before and after has read one entry and no mixture: stores and loads of
 * x86 keep their order. No lock, no call of libc: this runs in signal handlers, too.
 */
#ifdef __x86_64__
# define W 8
#else
# define W 4
#endif
#define COUNT W
#define LINK_MAP (2 * W)
#define NAME (4 * W)
#define ENTRIES (8 * W)
#define END W
#define INDEX (2 * W)
#define SIZE (3 * W)
#define PT_LOAD 1
#define PT_GNU_EH_FRAME 0x6474e550
#define PF_X 1
#define PF_R 4

	.comm	pannus_unwind_ranges, ENTRIES + 4 * W * 1024, 4096
	.weak	_dl_find_object__original
	.weak	dl_iterate_phdr__original
	.section .note.GNU-stack, "", @progbits
	.text

#ifdef __x86_64__

/* int _dl_find_object(void *pc, struct dl_find_object *result) */
	.globl	pannus_find_object
	.type	pannus_find_object, @function
pannus_find_object:
	.cfi_startproc
	endbr64
	lea	pannus_unwind_ranges(%rip), %rdx
	mov	COUNT(%rdx), %rcx
	lea	ENTRIES(%rdx), %rax
	shl	$5, %rcx
	add	%rax, %rcx
1:	cmp	%rcx, %rax
	jae	3f
	mov	END(%rax), %r8
	cmp	%r8, %rdi
	jae	2f
	mov	(%rax), %r9
	cmp	%r9, %rdi
	jb	2f
	mov	INDEX(%rax), %r10
	cmp	%r8, END(%rax)
	jne	1b
	mov	LINK_MAP(%rdx), %rcx
	movq	$0, (%rsi)		/* dlfo_flags */
	mov	%r9, 8(%rsi)		/* dlfo_map_start */
	mov	%r8, 16(%rsi)		/* dlfo_map_end */
	mov	%rcx, 24(%rsi)		/* dlfo_link_map */
	mov	%r10, 32(%rsi)		/* dlfo_eh_frame */
	xor	%eax, %eax
	ret
2:	add	$(4 * W), %rax
	jmp	1b
3:	jmp	_dl_find_object__original
	.cfi_endproc
	.size	pannus_find_object, . - pannus_find_object

/* int dl_iterate_phdr(int (*callback)(struct dl_phdr_info *, size_t, void *), void *data) */
	.globl	pannus_iterate_phdr
	.type	pannus_iterate_phdr, @function
pannus_iterate_phdr:
	.cfi_startproc
	endbr64
	push	%rbp
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbp, 0
	push	%rbx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbx, 0
	push	%r12
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r12, 0
	sub	$192, %rsp
	.cfi_adjust_cfa_offset 192
	mov	%rdi, %rbp
	mov	%rsi, %rbx
	call	dl_iterate_phdr__original
	test	%eax, %eax
	jne	4f
	lea	ENTRIES + pannus_unwind_ranges(%rip), %r12
1:	lea	pannus_unwind_ranges(%rip), %rdx
	mov	COUNT(%rdx), %rcx
	shl	$5, %rcx
	lea	ENTRIES(%rdx, %rcx), %rax
	cmp	%rax, %r12
	jae	3f
	mov	END(%r12), %r8
	test	%r8, %r8
	je	2f
	mov	(%r12), %r9
	mov	INDEX(%r12), %r10
	mov	SIZE(%r12), %r11
	cmp	%r8, END(%r12)
	jne	1b
	sub	%r9, %r8
	xor	%eax, %eax
	/* struct dl_phdr_info up to dlpi_phnum: without dlpi_adds libgcc keeps nothing of it in its cache. */
	mov	%rax, (%rsp)
	lea	NAME(%rdx), %rcx
	mov	%rcx, 8(%rsp)
	lea	64(%rsp), %rcx
	mov	%rcx, 16(%rsp)
	movq	$2, 24(%rsp)
	/* Elf64_Phdr of the code. */
	movl	$PT_LOAD, 64(%rsp)
	movl	$(PF_R | PF_X), 68(%rsp)
	mov	%rax, 72(%rsp)
	mov	%r9, 80(%rsp)
	mov	%r9, 88(%rsp)
	mov	%r8, 96(%rsp)
	mov	%r8, 104(%rsp)
	movq	$4096, 112(%rsp)
	/* Elf64_Phdr of the index. */
	movl	$PT_GNU_EH_FRAME, 120(%rsp)
	movl	$PF_R, 124(%rsp)
	mov	%rax, 128(%rsp)
	mov	%r10, 136(%rsp)
	mov	%r10, 144(%rsp)
	mov	%r11, 152(%rsp)
	mov	%r11, 160(%rsp)
	movq	$4, 168(%rsp)
	mov	%rsp, %rdi
	mov	$32, %esi
	mov	%rbx, %rdx
	call	*%rbp
	test	%eax, %eax
	jne	4f
2:	add	$(4 * W), %r12
	jmp	1b
3:	xor	%eax, %eax
4:	add	$192, %rsp
	.cfi_adjust_cfa_offset -192
	pop	%r12
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r12
	pop	%rbx
	.cfi_adjust_cfa_offset -8
	.cfi_restore %rbx
	pop	%rbp
	.cfi_adjust_cfa_offset -8
	.cfi_restore %rbp
	ret
	.cfi_endproc
	.size	pannus_iterate_phdr, . - pannus_iterate_phdr

#else

	.globl	pannus_find_object
	.type	pannus_find_object, @function
pannus_find_object:
	.cfi_startproc
	endbr32
	push	%ebx
	.cfi_adjust_cfa_offset 4
	.cfi_rel_offset %ebx, 0
	push	%esi
	.cfi_adjust_cfa_offset 4
	.cfi_rel_offset %esi, 0
	mov	12(%esp), %edx
	mov	$pannus_unwind_ranges + ENTRIES, %eax
	mov	COUNT - ENTRIES(%eax), %ecx
	shl	$4, %ecx
	add	%eax, %ecx
1:	cmp	%ecx, %eax
	jae	3f
	mov	END(%eax), %ebx
	cmp	%ebx, %edx
	jae	2f
	mov	(%eax), %esi
	cmp	%esi, %edx
	jb	2f
	mov	INDEX(%eax), %ecx
	cmp	%ebx, END(%eax)
	jne	4f
	mov	16(%esp), %edx
	movl	$0, (%edx)		/* dlfo_flags */
	movl	$0, 4(%edx)
	mov	%esi, 8(%edx)		/* dlfo_map_start */
	mov	%ebx, 12(%edx)		/* dlfo_map_end */
	mov	%ecx, 20(%edx)		/* dlfo_eh_frame */
	mov	pannus_unwind_ranges + LINK_MAP, %ecx
	mov	%ecx, 16(%edx)		/* dlfo_link_map */
	movl	$0, 24(%edx)		/* dlfo_eh_dbase */
	xor	%eax, %eax
	.cfi_remember_state
	pop	%esi
	.cfi_adjust_cfa_offset -4
	.cfi_restore %esi
	pop	%ebx
	.cfi_adjust_cfa_offset -4
	.cfi_restore %ebx
	ret
	.cfi_restore_state
2:	add	$(4 * W), %eax
	jmp	1b
4:	mov	$pannus_unwind_ranges + ENTRIES, %eax
	mov	COUNT - ENTRIES(%eax), %ecx
	shl	$4, %ecx
	add	%eax, %ecx
	jmp	1b
3:	pop	%esi
	.cfi_adjust_cfa_offset -4
	.cfi_restore %esi
	pop	%ebx
	.cfi_adjust_cfa_offset -4
	.cfi_restore %ebx
	jmp	_dl_find_object__original
	.cfi_endproc
	.size	pannus_find_object, . - pannus_find_object

	.globl	pannus_iterate_phdr
	.type	pannus_iterate_phdr, @function
pannus_iterate_phdr:
	.cfi_startproc
	endbr32
	push	%ebp
	.cfi_adjust_cfa_offset 4
	.cfi_rel_offset %ebp, 0
	push	%ebx
	.cfi_adjust_cfa_offset 4
	.cfi_rel_offset %ebx, 0
	push	%esi
	.cfi_adjust_cfa_offset 4
	.cfi_rel_offset %esi, 0
	push	%edi
	.cfi_adjust_cfa_offset 4
	.cfi_rel_offset %edi, 0
	sub	$124, %esp
	.cfi_adjust_cfa_offset 124
	mov	144(%esp), %eax
	mov	%eax, (%esp)
	mov	148(%esp), %eax
	mov	%eax, 4(%esp)
	call	dl_iterate_phdr__original
	test	%eax, %eax
	jne	4f
	mov	$pannus_unwind_ranges, %edi
	lea	ENTRIES(%edi), %esi
1:	mov	COUNT(%edi), %eax
	shl	$4, %eax
	lea	ENTRIES(%edi, %eax), %eax
	cmp	%eax, %esi
	jae	3f
	mov	END(%esi), %ebx
	test	%ebx, %ebx
	je	2f
	mov	(%esi), %ecx
	mov	INDEX(%esi), %edx
	mov	SIZE(%esi), %ebp
	cmp	%ebx, END(%esi)
	jne	1b
	sub	%ecx, %ebx
	xor	%eax, %eax
	/* struct dl_phdr_info up to dlpi_phnum: without dlpi_adds libgcc keeps nothing of it in its cache. */
	mov	%eax, 16(%esp)
	lea	NAME(%edi), %eax
	mov	%eax, 20(%esp)
	lea	48(%esp), %eax
	mov	%eax, 24(%esp)
	movl	$2, 28(%esp)
	xor	%eax, %eax
	/* Elf32_Phdr of the code. */
	movl	$PT_LOAD, 48(%esp)
	mov	%eax, 52(%esp)
	mov	%ecx, 56(%esp)
	mov	%ecx, 60(%esp)
	mov	%ebx, 64(%esp)
	mov	%ebx, 68(%esp)
	movl	$(PF_R | PF_X), 72(%esp)
	movl	$4096, 76(%esp)
	/* Elf32_Phdr of the index. */
	movl	$PT_GNU_EH_FRAME, 80(%esp)
	mov	%eax, 84(%esp)
	mov	%edx, 88(%esp)
	mov	%edx, 92(%esp)
	mov	%ebp, 96(%esp)
	mov	%ebp, 100(%esp)
	movl	$PF_R, 104(%esp)
	movl	$4, 108(%esp)
	lea	16(%esp), %eax
	mov	%eax, (%esp)
	movl	$16, 4(%esp)
	mov	148(%esp), %eax
	mov	%eax, 8(%esp)
	call	*144(%esp)
	test	%eax, %eax
	jne	4f
2:	add	$(4 * W), %esi
	jmp	1b
3:	xor	%eax, %eax
4:	add	$124, %esp
	.cfi_adjust_cfa_offset -124
	pop	%edi
	.cfi_adjust_cfa_offset -4
	.cfi_restore %edi
	pop	%esi
	.cfi_adjust_cfa_offset -4
	.cfi_restore %esi
	pop	%ebx
	.cfi_adjust_cfa_offset -4
	.cfi_restore %ebx
	pop	%ebp
	.cfi_adjust_cfa_offset -4
	.cfi_restore %ebp
	ret
	.cfi_endproc
	.size	pannus_iterate_phdr, . - pannus_iterate_phdr

#endif
