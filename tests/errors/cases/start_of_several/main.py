def main():
    print("one")


if __name__ == "__main__":
    main()
